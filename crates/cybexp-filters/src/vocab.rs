//! The sub_types that filters make, one name for one thing: two sources correlate through a shared name.

use tahoe_core::SubType;

macro_rules! sub_types {
    ($names:ident: $($konst:ident = $name:literal;)*) => {
        $(pub(crate) const $konst: SubType = SubType::from_static($name);)*
        pub(crate) const $names: &[&str] = &[$($name),*];
    };
}

// Events and sessions.
sub_types! {
    EVENTS:
    CONNECTION = "connection";
    COWRIE_SESSION = "cowrie_session";
    EMAIL = "email";
    FILE_DOWNLOAD = "file_download";
    FILE_UPLOAD = "file_upload";
    GREYNOISE = "greynoise";
    MISP = "misp";
    NETBLOCK = "netblock";
    NETWORK_TRAFFIC = "network_traffic";
    PARENT_DOMAIN = "parent_domain";
    PHISHTANK_URL = "phishtank_url";
    REVERSE_DNS = "reverse_dns";
    SESSION_PARAMS = "session_params";
    SHELL_INPUT = "shell_input";
    SIGHTING = "sighting";
    SSH = "ssh";
    STIX_INDICATOR = "stix_indicator";
    STIX_OBSERVED = "stix_observed";
    TELNET = "telnet";
    URLHAUS = "urlhaus";
    VIRUSTOTAL = "virustotal";
}

// Objects.
sub_types! {
    OBJECTS:
    ATTACHED_MAIL = "attached_mail";
    ATTACHMENT = "attachment";
    ATTACKER = "attacker";
    CREDENTIAL = "credential";
    DOMAIN_IP = "domain_ip";
    DST = "dst";
    FILE = "file";
    GEOIP = "geoip";
    HOSTNAME_PORT = "hostname_port";
    ORG = "org";
    ORGC = "orgc";
    REGISTRY_KEY = "registry_key";
    REPLY_TO = "reply_to";
    RETURN_PATH = "return_path";
    SENDER = "sender";
    SRC = "src";
    SSH_CLIENT_SIZE = "ssh_client_size";
    SSH_KEY_EXCHANGE = "ssh_key_exchange";
    SSH_PUBLIC_KEY = "ssh_public_key";
    TARGET = "target";
    WHOIS_REGISTRANT = "whois_registrant";
}

// Attributes; `BEHAVIOUR`, `SHELL_COMMAND` and `VERDICT` are also events.
sub_types! {
    ATTRIBUTES:
    ANALYSIS = "analysis";
    ANALYST = "analyst";
    ARCH = "arch";
    ASN = "asn";
    ASN_NAME = "asn_name";
    BEHAVIOUR = "behaviour";
    BODY = "body";
    CIDR = "cidr";
    CLASSIFICATION = "classification";
    COMMAND_COUNT = "command_count";
    COMMENT = "comment";
    COMP_ALGO = "comp_algo";
    CONFIDENCE = "confidence";
    COUNTRY_CODE2 = "country_code2";
    CVE_ID = "cve_id";
    DATA = "data";
    DATE = "date";
    DETECTION_RATIO = "detection_ratio";
    DOMAIN = "domain";
    EMAIL_ADDR = "email_addr";
    ENCR_ALGO = "encr_algo";
    FILENAME = "filename";
    HASSH = "hassh";
    HASSHSERVER = "hasshserver";
    HEIGHT = "height";
    HOSTNAME = "hostname";
    ID = "id";
    INFO = "info";
    IPV4 = "ipv4";
    IPV6 = "ipv6";
    JA3 = "ja3";
    JA4 = "ja4";
    JA4H = "ja4h";
    JARM = "jarm";
    KEX_ALGO = "kex_algo";
    MAC_ALGO = "mac_algo";
    MD5 = "md5";
    METHOD = "method";
    MIME_TYPE = "mime_type";
    NAME = "name";
    ONLINE = "online";
    OUTPUT_FILE_PATH = "output_file_path";
    PASSWORD = "password";
    PHISH_ID = "phish_id";
    PORT = "port";
    PROTOCOL = "protocol";
    PUB_KEY_ALGO = "pub_key_algo";
    REASON = "reason";
    RIR = "rir";
    SENSOR = "sensor";
    SESSIONID = "sessionid";
    SHA1 = "sha1";
    SHA256 = "sha256";
    SHA512 = "sha512";
    SHELL_COMMAND = "shell_command";
    SSH_CLIENT_ENV = "ssh_client_env";
    SSH_FINGERPRINT = "ssh_fingerprint";
    SSH_KEY = "ssh_key";
    SSH_VERSION = "ssh_version";
    SUBJECT = "subject";
    SUBMISSION_TIME = "submission_time";
    SUCCESS = "success";
    TAG = "tag";
    THREAT_LEVEL = "threat_level";
    URL = "url";
    USERNAME = "username";
    UUID = "uuid";
    VALID_UNTIL = "valid_until";
    VERDICT = "verdict";
    VERIFICATION_TIME = "verification_time";
    VERIFIED = "verified";
    WIDTH = "width";
}
