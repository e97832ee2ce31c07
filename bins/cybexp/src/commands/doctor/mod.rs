//! `cybexp doctor`: checks that everything the suite needs is there, and says what to do if it is not. Changes nothing.

mod daemons;
mod data;
mod databases;
mod keys;
mod people;
mod sheet;
mod sizes;
mod work;

use std::process::ExitCode;

use cybexp_service::Config;
use cybexp_service::site::ConfigChoice;
use cybexp_term::{DIM, GREEN, RED};

use sheet::Checklist;

pub(super) async fn run(choice: &ConfigChoice) -> anyhow::Result<ExitCode> {
    let mut sheet = Checklist::default();
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
    sheet.title("Data files");
    data::check(&mut sheet, &config);
    sheet.title("Databases");
    let there = databases::check(&mut sheet, &config).await?;
    sheet.title("Users and organisations");
    people::secret(&mut sheet, &config);
    people::check(&mut sheet, there.identity.as_ref()).await;
    sheet.title("API and daemons");
    daemons::check(&mut sheet, &config).await;
    sheet.title("Work");
    work::check(&mut sheet, &there).await;
    sheet.title("Sizes");
    sizes::check(&mut sheet, &config, &there).await;
    anstream::println!(
        "\n{DIM}`cybexp verify` reads the databases themselves, and proves that nothing is lost or there twice{DIM:#}"
    );
    Ok(match sheet.wrong_count() {
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
