"""The surface for assistants: looks and proposes, and can do neither more nor through anything else."""
