//! `cybexp doctor`: whether all that the suite needs is there, and what to do where it is not. Looks, and changes
//! nothing.

mod daemons;
mod databases;
mod keys;
mod people;
mod work;

use std::process::ExitCode;

use cybexp_service::Config;

use cybexp_term::{self as term, BOLD, DIM, GREEN, RED, YELLOW};

use crate::site::Choice;

/// The checklist, printed as it is filled in.
#[derive(Default)]
struct Sheet {
    wrong: usize,
}

impl Sheet {
    fn title(&self, title: &str) {
        anstream::println!("\n{BOLD}{title}{BOLD:#}");
    }

    fn good(&self, what: impl AsRef<str>) {
        anstream::println!("{GREEN}✓{GREEN:#} {}", told(what.as_ref()));
    }

    /// What may be as it should.
    fn note(&self, what: impl AsRef<str>, to_do: impl AsRef<str>) {
        anstream::println!("{YELLOW}!{YELLOW:#} {}", told(what.as_ref()));
        advice(to_do.as_ref());
    }

    fn wrong(&mut self, what: impl AsRef<str>, to_do: impl AsRef<str>) {
        self.wrong += 1;
        anstream::println!("{RED}✗{RED:#} {}", told(what.as_ref()));
        advice(to_do.as_ref());
    }
}

fn advice(to_do: &str) {
    let to_do = term::wrapped(&term::line(to_do), 4, 4);
    anstream::println!("  {DIM}→ {to_do}{DIM:#}");
}

/// A line of the list, with room for the mark before it.
fn told(what: &str) -> String {
    term::wrapped(&term::line(what), 2, 2)
}

pub(super) async fn run(choice: &Choice) -> anyhow::Result<ExitCode> {
    let mut sheet = Sheet::default();
    sheet.title("Configuration");
    let config = match Config::load(choice.file.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            sheet.wrong(
                error.to_string(),
                "correct the file; --config names another one",
            );
            return Ok(ExitCode::FAILURE);
        }
    };
    match config.file() {
        Some(file) => sheet.good(file.display().to_string()),
        None => sheet.note(
            "there is no configuration file, so the defaults hold",
            "put one at ./config/config.json or /etc/cybexp/config.json, or name one with --config; `cybexp up` makes one",
        ),
    }
    if let Some(note) = choice.note() {
        sheet.note(
            note,
            "that of a running `cybexp up` goes first, then ./config/config.json, /etc/cybexp/config.json, the folder of `up`",
        );
    }
    sheet.title("Keys");
    keys::check(&mut sheet, &config);
    sheet.title("Databases");
    let there = databases::check(&mut sheet, &config).await?;
    sheet.title("Users and organisations");
    people::secret(&mut sheet, &config);
    people::check(&mut sheet, there.identity.as_ref()).await;
    sheet.title("API and daemons");
    daemons::check(&mut sheet, &config).await;
    sheet.title("Work");
    work::check(&mut sheet, &there).await;
    anstream::println!();
    Ok(match sheet.wrong {
        0 => {
            anstream::println!("{GREEN}all is well{GREEN:#}");
            ExitCode::SUCCESS
        }
        wrong => {
            anstream::println!("{RED}{wrong} to be put right{RED:#}");
            ExitCode::FAILURE
        }
    })
}
