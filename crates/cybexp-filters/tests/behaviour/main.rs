//! Sessions of one bot have one behaviour, and those of different bots different ones.

mod partition;
mod properties;
mod session;
