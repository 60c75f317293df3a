"""Cases of the views: rows of tables, and the rows that the view must have over them, computed without its SQL."""
