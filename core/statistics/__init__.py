"""How draws are made and intervals read off them, in one place."""
