"""HTML pages: of a run, of several runs, of a resize comparison; their templates, styles and charts."""
