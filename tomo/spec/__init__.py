"""What a person wrote: fleets and apps as typed models, read with line numbers, all mistakes at once."""

from tomo.installed import postpone_metadata

postpone_metadata()
