"""Tasks: what is learnt. A task is a network, a loss and scores; loops and files live elsewhere."""
