//! Pools of attackers' addresses, names, passwords and commands, each from the most to the least common.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

/// The pools from which sessions draw.
pub(super) struct Pools {
    pub(super) sensors: Vec<Sensor>,
    pub(super) attackers: Vec<Attacker>,
    pub(super) usernames: Vec<String>,
    pub(super) passwords: Vec<String>,
    pub(super) payloads: Vec<Payload>,
    pub(super) clients: Vec<Client>,
}

pub(super) struct Sensor {
    pub(super) name: &'static str,
    pub(super) ip: String,
}

/// A machine and the program it attacks with.
pub(super) struct Attacker {
    pub(super) ip: String,
    pub(super) client: usize,
    pub(super) is_telnet: bool,
}

pub(super) struct Payload {
    pub(super) url: String,
    pub(super) file: String,
    pub(super) sha256: String,
}

/// An SSH client program, with the algorithms that it offers.
pub(super) struct Client {
    pub(super) version: &'static str,
    pub(super) hassh: String,
    pub(super) kex: Vec<&'static str>,
    pub(super) keys: Vec<&'static str>,
    pub(super) ciphers: Vec<&'static str>,
    pub(super) macs: Vec<&'static str>,
}

pub(super) const COMMANDS: &[&str] = &[
    "uname -s -v -n -r -m",
    "cat /proc/cpuinfo | grep name | wc -l",
    "uname -a",
    "whoami",
    "free -m | grep Mem | awk '{print $2 ,$3, $4, $5, $6, $7}'",
    "cd ~; chattr -ia .ssh; lockr -ia .ssh",
    "ls -lh $(which ls)",
    "crontab -l",
    "w",
    "cat /proc/cpuinfo | grep model | grep name | wc -l",
    "top",
    "lscpu | grep Model",
    "df -h | head -n 2 | awk 'FNR == 2 {print $2;}'",
    "enable",
    "system",
    "shell",
    "sh",
    "/bin/busybox MIRAI",
    "cat /bin/echo || while read i; do echo $i; done < /bin/echo",
    "rm -rf /tmp/secure.sh; rm -rf /tmp/auth.sh; pkill -9 secure.sh; echo > /etc/hosts.deny",
    "ps | grep '[Mm]iner'",
    "ifconfig",
    "echo -e \"\\x6F\\x6B\"",
    "nproc",
    "history -c",
];

pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("LANG", "en_US.UTF-8"),
    ("LC_ALL", "C"),
    ("TERM", "xterm-256color"),
    ("LANG", "C.UTF-8"),
];

const SENSORS: &[&str] = &["osaka", "reno", "oslo", "nairobi"];
const USERNAMES: &[&str] = &[
    "root", "admin", "ubuntu", "test", "user", "oracle", "postgres", "pi", "git", "support",
    "guest", "ftpuser", "mysql", "hadoop", "deploy", "nagios", "jenkins", "www-data", "es", "dev",
];
const PASSWORDS: &[&str] = &[
    "123456",
    "admin",
    "password",
    "root",
    "1234",
    "12345678",
    "3245gs5662d34",
    "xc3511",
    "vizxv",
    "test",
    "P@ssw0rd",
    "qwerty",
    "raspberry",
    "1q2w3e4r",
    "letmein",
    "toor",
    "ubuntu",
    "",
    "888888",
];
const VERSIONS: &[&str] = &[
    "SSH-2.0-Go",
    "SSH-2.0-libssh_0.9.6",
    "SSH-2.0-libssh2_1.10.0",
    "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.6",
    "SSH-2.0-PUTTY",
    "SSH-2.0-paramiko_2.8.1",
    "SSH-2.0-OpenSSH_7.4",
    "SSH-2.0-JSCH-0.1.54",
];
const KEX: &[&str] = &[
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha256",
    "ext-info-c",
];
const KEYS: &[&str] = &[
    "ssh-ed25519",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ssh-rsa",
    "ssh-dss",
];
const CIPHERS: &[&str] = &[
    "aes128-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-cbc",
    "3des-cbc",
];
const MACS: &[&str] = &[
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
    "hmac-sha1-96",
];
const FILES: &[&str] = &[
    "bins.sh",
    "mirai.x86",
    "mirai.arm7",
    "update.sh",
    "xmrig",
    "sshd",
    "a",
    "k.php",
];

impl Pools {
    pub(super) fn new(rng: &mut StdRng) -> Self {
        let sensors = SENSORS.iter().zip(11..);
        let clients: Vec<Client> = (0..40).map(|_| client(rng)).collect();
        Self {
            sensors: sensors
                .map(|(&name, n)| Sensor {
                    name,
                    ip: format!("192.0.2.{n}"),
                })
                .collect(),
            // 198.18.0.0/15 is for benchmarks (RFC 2544)
            attackers: (0..600)
                .map(|_| Attacker {
                    ip: format!(
                        "198.{}.{}.{}",
                        rng.random_range(18..20),
                        rng.random::<u8>(),
                        rng.random::<u8>()
                    ),
                    client: skewed(rng, clients.len()),
                    is_telnet: rng.random_bool(0.15),
                })
                .collect(),
            usernames: words(USERNAMES, 400, "user", rng),
            passwords: words(PASSWORDS, 3000, "Pass", rng),
            payloads: (0..120).map(|n| payload(n, rng)).collect(),
            clients,
        }
    }
}

/// Draws an index below `len`: the first is drawn most often, the n-th about 1/n as often (Zipf's law).
pub(super) fn skewed(rng: &mut StdRng, len: usize) -> usize {
    let place = ((len + 1) as f64).powf(rng.random());
    (place as usize - 1).min(len - 1)
}

/// Draws an element, by [`skewed`].
pub(super) fn pick<'a, T>(rng: &mut StdRng, pool: &'a [T]) -> &'a T {
    &pool[skewed(rng, pool.len())]
}

/// Makes a random text of `len` hexadecimal digits.
pub(super) fn digits(rng: &mut StdRng, len: usize) -> String {
    (0..len)
        .map(|_| char::from(*b"0123456789abcdef".choose(rng).expect("not empty")))
        .collect()
}

fn words(common: &[&str], len: usize, stem: &str, rng: &mut StdRng) -> Vec<String> {
    let rare = (common.len()..len).map(|_| format!("{stem}{}", rng.random_range(0..100_000)));
    common
        .iter()
        .map(|&word| word.to_owned())
        .chain(rare)
        .collect()
}

fn client(rng: &mut StdRng) -> Client {
    let mut some = |all: &[&'static str]| {
        let mut chosen = all.to_vec();
        chosen.shuffle(rng);
        chosen.truncate(all.len().div_ceil(2));
        chosen
    };
    let (kex, keys, ciphers, macs) = (some(KEX), some(KEYS), some(CIPHERS), some(MACS));
    Client {
        version: VERSIONS[skewed(rng, VERSIONS.len())],
        hassh: digits(rng, 32),
        kex,
        keys,
        ciphers,
        macs,
    }
}

fn payload(n: usize, rng: &mut StdRng) -> Payload {
    let file = FILES[n % FILES.len()].to_owned();
    // several files of one host, as in the field
    let url = format!("http://dl{}.payload.example/{n}/{file}", n / 4);
    Payload {
        url,
        file,
        sha256: digits(rng, 64),
    }
}
