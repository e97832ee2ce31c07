//! Opens sealed submissions and writes raws.
