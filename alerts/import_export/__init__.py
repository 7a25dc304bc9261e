"""Import and export of subscribers and places as CSV and GeoJSON.

Both are streamed: rows and features are processed one by one, so that memory does not grow with the file.
"""
