//! Every row of the state table, every message, every time.
