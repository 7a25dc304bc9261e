"""Who is told: people, their places and wishes, their keys, and the rule that finds them."""
