"""The website: pages drawn by the server, the compiled front end, and the sessions of browsers."""
