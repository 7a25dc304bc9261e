"""The clock of the product: periodic jobs, and the rows of what is due."""
