"""Several hubs that share their rooms, over the model of the scripts."""
