"""Ready-made apps: found by id, searched by words, held to rules."""
