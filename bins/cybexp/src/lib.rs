//! The person's tool.
