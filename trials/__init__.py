"""Long trials of the whole package: too long for every change, run now and then."""
