"""Subscribers and places in and out, as files that a spreadsheet or a map program reads (CSV, GeoJSON).

Nothing here holds a whole file: rows and features go through one by one, whatever their number.
"""
