"""Reading predictions back and measuring them against the scene they claim to be."""
