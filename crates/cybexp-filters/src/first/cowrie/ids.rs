//! Event IDs of Cowrie: those of 2015, and those of records that only touch their session.

/// The IDs of Kippo and of the first Cowrie, `KIPP0001` and `COW0001` on, in their order.
const NUMBERED: [&str; 16] = [
    "session.connect",
    "login.success",
    "login.failed",
    "log.open",
    "command.success",
    "command.failed",
    "session.file_download",
    "session.input",
    "client.version",
    "client.size",
    "session.closed",
    "log.closed",
    "client.var",
    "direct-tcpip.request",
    "direct-tcpip.data",
    "client.fingerprint",
];

/// Returns the current ID without its prefix, for an ID of any year.
pub(super) fn current(eventid: &str) -> &str {
    let eventid = eventid.trim();
    let number = ["KIPP", "COW"]
        .into_iter()
        .find_map(|prefix| eventid.strip_prefix(prefix))
        .map(|number| number.trim_start_matches('_'))
        .filter(|number| number.len() == 4)
        .and_then(|number| number.parse::<usize>().ok());
    match number {
        Some(number) => number
            .checked_sub(1)
            .and_then(|index| NUMBERED.get(index))
            .unwrap_or(&eventid),
        None => eventid.strip_prefix("cowrie.").unwrap_or(eventid),
    }
}

/// IDs of records that make no event. From Cowrie's `core/eventids.py`, without the `cowrie.` prefix.
const TOUCH_SESSION: &[&str] = &[
    "abuseipdb.ratelimited",
    "abuseipdb.reportedip",
    "abuseipdb.reportfail",
    "abuseipdb.started",
    "abuseipdb.wakeup",
    "direct-tcpip.redirect",
    "direct-tcpip.tunnel",
    "log.closed",
    "log.open",
    "proxy.backend_connect_error",
    "proxy.backend_connected",
    "proxy.backend_disconnected",
    "proxy.client_disconnect",
    "proxy.ssh",
    "telnet.error",
    "telnet.option",
];

/// Returns the ID as a metric's label. An ID that Cowrie is not known to write is `other`, so that an attacker cannot
/// make the set of labels grow.
pub(super) fn label(eventid: &str) -> &'static str {
    TOUCH_SESSION
        .iter()
        .find(|known| **known == eventid)
        .unwrap_or(&"other")
}
