//! The sample data, and how it comes to the suite.

/// The URL that the feed lists, an analyst reported and the honeypots saw being downloaded.
pub(super) const PHISHING_URL: &str = "http://login.bank-verify.example/kit/update.sh";

/// The log of three honeypots, a record a line.
const COWRIE: &str = include_str!("../../../../demo/cowrie.json");
/// What an analyst submits, a record a line.
pub(super) const SIGHTINGS: &str = include_str!("../../../../demo/sightings.json");
/// A feed of URLs, which is one record as long as it is short.
pub(super) const FEED: &str = include_str!("../../../../demo/openphish.txt");

/// This honeypot sends its records to a Logstash; those of the others stand in a file.
const SENT: &str = r#""sensor":"london""#;

/// The records that are written to a file.
pub(super) fn logged() -> Vec<&'static str> {
    COWRIE.lines().filter(|line| !line.contains(SENT)).collect()
}

/// The records that are sent over a websocket.
pub(super) fn sent() -> Vec<&'static str> {
    COWRIE.lines().filter(|line| line.contains(SENT)).collect()
}
