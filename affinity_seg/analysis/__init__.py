"""Tables of strategies: what each option of the method is worth (Tables 2 and 3 of the paper)."""
