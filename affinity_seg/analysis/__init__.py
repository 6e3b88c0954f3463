"""Studies of the method: tables of strategies, true predictions, changes that must not matter."""
