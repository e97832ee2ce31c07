//! Runs the filters over raws and writes the TAHOE graph.
