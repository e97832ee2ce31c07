//! Checks the data files that the configuration names: databases of networks, and allow lists.

use std::path::PathBuf;

use cybexp_filters::second::Networks;
use cybexp_lists::KnownGood;
use cybexp_service::Config;

use super::sheet::Checklist;

pub(super) fn check(sheet: &mut Checklist, config: &Config) {
    networks(sheet, config);
    lists(sheet, &config.report.known_good);
}

fn networks(sheet: &mut Checklist, config: &Config) {
    let files = &config.analytics.geoip;
    if !config.analytics.second_stage {
        sheet.note(
            "analytics derives nothing: analytics.second_stage is false",
            "that is right only if nobody asks for networks, countries and behaviours",
        );
    } else if files.is_empty() {
        sheet.note(
            "no database of networks is named, so the filter geoip rests",
            "`cybexp geoip fetch` installs free ones; name them in analytics.geoip",
        );
    }
    for file in files {
        match Networks::load(std::slice::from_ref(file)) {
            Ok(networks) => {
                let version = networks.version().unwrap_or_default();
                sheet.good(format!("networks: {} ({version})", file.display()));
            }
            Err(error) => sheet.wrong(
                format!("analytics.geoip: {error}"),
                "cybexp-analytics does not start with it: install another one (`cybexp geoip fetch`), or leave it out",
            ),
        }
    }
}

fn lists(sheet: &mut Checklist, files: &[PathBuf]) {
    for file in files {
        match KnownGood::load(std::slice::from_ref(file)) {
            Ok(_) => sheet.good(format!("allow list: {}", file.display())),
            Err(error) => sheet.wrong(
                format!("report.known_good: {error}"),
                "cybexp-report does not start with it: a list is a file in the format of MISP's warninglists",
            ),
        }
    }
}
