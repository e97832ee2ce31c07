//! The checklist that `cybexp doctor` prints.

use cybexp_term::{self as term, BOLD, DIM, GREEN, RED, YELLOW};

/// The checklist, printed as it is filled in.
#[derive(Default)]
pub(super) struct Checklist {
    wrong: usize,
}

impl Checklist {
    /// Returns the number of lines that tell of something wrong.
    pub(super) fn wrong_count(&self) -> usize {
        self.wrong
    }

    pub(super) fn title(&self, title: &str) {
        anstream::println!("\n{BOLD}{title}{BOLD:#}");
    }

    pub(super) fn good(&self, what: impl AsRef<str>) {
        anstream::println!("{GREEN}✓{GREEN:#} {}", told(what.as_ref()));
    }

    /// Prints a finding that may be intended.
    pub(super) fn note(&self, what: impl AsRef<str>, to_do: impl AsRef<str>) {
        anstream::println!("{YELLOW}!{YELLOW:#} {}", told(what.as_ref()));
        advice(to_do.as_ref());
    }

    pub(super) fn wrong(&mut self, what: impl AsRef<str>, to_do: impl AsRef<str>) {
        self.wrong += 1;
        anstream::println!("{RED}✗{RED:#} {}", told(what.as_ref()));
        advice(to_do.as_ref());
    }
}

fn advice(to_do: &str) {
    let to_do = term::wrapped(&term::line(to_do), 4, 4);
    anstream::println!("  {DIM}→ {to_do}{DIM:#}");
}

/// Wraps a line of the list, with room for the mark before it.
fn told(what: &str) -> String {
    term::wrapped(&term::line(what), 2, 2)
}
