//! Event IDs of Cowrie that touch their session only.

/// From Cowrie's `core/eventids.py`, without the `cowrie.` prefix.
const TOUCH_SESSION: &[&str] = &[
    "abuseipdb.ratelimited",
    "abuseipdb.reportedip",
    "abuseipdb.reportfail",
    "abuseipdb.started",
    "abuseipdb.wakeup",
    "client.malformed_packet",
    "command.chpasswd",
    "direct-tcpip.ja4",
    "direct-tcpip.ja4h",
    "direct-tcpip.redirect",
    "direct-tcpip.tunnel",
    "greynoise.result",
    "log.closed",
    "log.open",
    "proxy.backend_connect_error",
    "proxy.backend_connected",
    "proxy.backend_disconnected",
    "proxy.client_disconnect",
    "proxy.ssh",
    "reversedns.connect",
    "reversedns.forward",
    "session.input",
    "session.params",
    "telnet.error",
    "telnet.exploit_attempt",
    "telnet.exploit_success",
    "telnet.option",
    "tunnelproxy-tcpip.data",
    "urlhaus.submitted",
    "virustotal.scanfile",
    "virustotal.scanurl",
];

/// The ID as a metric's label: any that Cowrie is not known to have is `other`, for a label set must not
/// grow with what an attacker sends.
pub(super) fn label(eventid: &str) -> &'static str {
    TOUCH_SESSION
        .iter()
        .find(|known| **known == eventid)
        .unwrap_or(&"other")
}
