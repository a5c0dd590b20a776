"""Archives of volumes, specs and state: written, sealed, listed, opened, thinned out."""
