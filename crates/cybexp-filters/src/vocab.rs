//! The sub_types that filters make. One name for one thing: a shared name is what correlates two sources.

use tahoe_core::SubType;

macro_rules! sub_types {
    ($($konst:ident = $name:literal;)*) => {
        $(pub(crate) const $konst: SubType = SubType::from_static($name);)*
    };
}

// Events and sessions.
sub_types! {
    COWRIE_SESSION = "cowrie_session";
    EMAIL = "email";
    FILE_DOWNLOAD = "file_download";
    FILE_UPLOAD = "file_upload";
    NETWORK_TRAFFIC = "network_traffic";
    SIGHTING = "sighting";
    SSH = "ssh";
    TELNET = "telnet";
}

// Objects.
sub_types! {
    ATTACHMENT = "attachment";
    ATTACKER = "attacker";
    CREDENTIAL = "credential";
    DST = "dst";
    FILE = "file";
    REPLY_TO = "reply_to";
    SRC = "src";
    SSH_CLIENT_SIZE = "ssh_client_size";
    SSH_KEY_EXCHANGE = "ssh_key_exchange";
    SSH_PUBLIC_KEY = "ssh_public_key";
}

// Attributes; `SHELL_COMMAND` is also an event.
sub_types! {
    BODY = "body";
    COMP_ALGO = "comp_algo";
    DATA = "data";
    DOMAIN = "domain";
    EMAIL_ADDR = "email_addr";
    ENCR_ALGO = "encr_algo";
    FILENAME = "filename";
    HASSH = "hassh";
    HEIGHT = "height";
    HOSTNAME = "hostname";
    IPV4 = "ipv4";
    IPV6 = "ipv6";
    KEX_ALGO = "kex_algo";
    MAC_ALGO = "mac_algo";
    METHOD = "method";
    MIME_TYPE = "mime_type";
    NAME = "name";
    OUTPUT_FILE_PATH = "output_file_path";
    PASSWORD = "password";
    PORT = "port";
    PROTOCOL = "protocol";
    PUB_KEY_ALGO = "pub_key_algo";
    SENSOR = "sensor";
    SESSIONID = "sessionid";
    SHA256 = "sha256";
    SHELL_COMMAND = "shell_command";
    SSH_CLIENT_ENV = "ssh_client_env";
    SSH_FINGERPRINT = "ssh_fingerprint";
    SSH_KEY = "ssh_key";
    SSH_VERSION = "ssh_version";
    SUBJECT = "subject";
    SUCCESS = "success";
    URL = "url";
    USERNAME = "username";
    WIDTH = "width";
}
