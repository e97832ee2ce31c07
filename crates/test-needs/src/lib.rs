//! Decides whether a test may be skipped that needs software from outside of the workspace.
//!
//! `.ci/tools` installs that software, and names in `CYBEXP_GATE` all that it found or installed. A test that lacks a
//! named thing fails. Elsewhere it says on one line that it was skipped, and passes. The line goes to the test's
//! standard error past the test harness, which hides the output of tests that pass, and to the file
//! `CYBEXP_SKIPPED`, from which the gate makes its summary.

use std::fs::OpenOptions;
use std::io::Write;

/// Software that some tests need and cannot bring along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `python3` with the packages of `.ci/requirements.txt`.
    Python,
    /// ChromeDriver, and a Chromium that starts.
    Browser,
    /// `axe.min.js` of axe-core, which `CYBEXP_AXE` names.
    Axe,
    /// `named-checkzone` of BIND.
    Bind,
    /// `nft`, and a kernel that it can ask.
    Nftables,
    /// `initdb` and `postgres` of PostgreSQL.
    PostgreSql,
    /// `mariadb-install-db` and `mariadbd` of MariaDB, or a MySQL that `MYSQL_URL` names.
    MySql,
    /// Schemathesis, which `SCHEMATHESIS` names.
    Schemathesis,
}

impl Need {
    /// All needs, as `.ci/tools` names them.
    pub const ALL: [Self; 8] = [
        Self::Python,
        Self::Browser,
        Self::Axe,
        Self::Bind,
        Self::Nftables,
        Self::PostgreSql,
        Self::MySql,
        Self::Schemathesis,
    ];

    /// Returns the name in `CYBEXP_GATE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Browser => "browser",
            Self::Axe => "axe",
            Self::Bind => "bind",
            Self::Nftables => "nftables",
            Self::PostgreSql => "postgresql",
            Self::MySql => "mysql",
            Self::Schemathesis => "schemathesis",
        }
    }

    /// Notes that the running test cannot do its work, for a reason such as "there is no program nft". The test ends after it.
    ///
    /// # Panics
    /// If `CYBEXP_GATE` says that what the test needs is there.
    #[track_caller]
    pub fn is_lacking(self, reason: impl std::fmt::Display) {
        let gate = std::env::var("CYBEXP_GATE").unwrap_or_default();
        assert!(
            !self.is_in(&gate),
            "CYBEXP_GATE says that {} is there: {reason}",
            self.name()
        );
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let line = format!("skipped: {test} needs {}: {reason}\n", self.name());
        // of a message that cannot be written nobody could be told
        let _ = std::io::stderr().write_all(line.as_bytes());
        if let Some(path) = std::env::var_os("CYBEXP_SKIPPED") {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
            assert!(written.is_ok(), "cannot write {path:?}: {written:?}");
        }
    }

    /// Whether this need is among the names of `CYBEXP_GATE`.
    fn is_in(self, gate: &str) -> bool {
        gate.split_whitespace().any(|name| name == self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_in_the_gate_by_its_whole_name() {
        assert!(Need::Axe.is_in("python axe"));
        for gate in ["", "1", "axes python", "python,axe"] {
            assert!(!Need::Axe.is_in(gate), "{gate}");
        }
    }

    #[test]
    fn the_script_that_installs_knows_every_name_and_no_other() {
        let script = include_str!("../../../.ci/tools");
        let named: Vec<&str> = script
            .lines()
            .filter_map(|line| line.trim().strip_prefix("tool "))
            .filter_map(|rest| rest.split_whitespace().next())
            .collect();
        for need in Need::ALL {
            assert!(named.contains(&need.name()), "{need:?} is not in .ci/tools");
        }
        // those for checks of files, which are no tests
        let others = ["shellcheck", "hadolint"];
        for name in named {
            let known = Need::ALL.iter().any(|need| need.name() == name);
            assert!(known || others.contains(&name), "{name}");
        }
    }
}
