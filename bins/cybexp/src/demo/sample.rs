//! The sample data, as honeypots and analysts would submit it.

/// The URL that an analyst reported and the honeypots saw being downloaded.
pub(super) const PHISHING_URL: &str = "http://login.bank-verify.example/kit/update.sh";

const COWRIE: &str = include_str!("../../../../demo/cowrie.json");
const SIGHTINGS: &str = include_str!("../../../../demo/sightings.json");

/// One submission.
pub(super) struct Record {
    pub(super) typetag: &'static str,
    pub(super) file: &'static str,
    pub(super) text: &'static str,
}

pub(super) fn records() -> Vec<Record> {
    let cowrie = COWRIE.lines().map(|text| ("cowrie", "cowrie.json", text));
    let sightings = SIGHTINGS
        .lines()
        .map(|text| ("sighting", "sightings.json", text));
    cowrie
        .chain(sightings)
        .map(|(typetag, file, text)| Record {
            typetag,
            file,
            text,
        })
        .collect()
}
