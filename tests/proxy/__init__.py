"""Real clients through a real nginx, with the configuration that docs/ has."""
