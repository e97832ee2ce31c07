//! The words after `busybox`.

use super::random;

/// Applets that BusyBox has, and bots call.
const APPLETS: &[&str] = &[
    "ash", "awk", "base64", "cat", "chattr", "chmod", "chown", "chpasswd", "clear", "cp", "curl",
    "cut", "date", "dd", "df", "dmesg", "echo", "egrep", "env", "false", "fgrep", "find", "free",
    "ftpget", "ftpput", "grep", "gunzip", "gzip", "head", "hexdump", "hostname", "id", "ifconfig",
    "ip", "iptables", "kill", "killall", "killall5", "ln", "ls", "lsmod", "md5sum", "mkdir",
    "mkfifo", "mknod", "mktemp", "more", "mount", "mv", "nc", "netstat", "nohup", "nproc",
    "nslookup", "od", "passwd", "pgrep", "ping", "pkill", "printf", "ps", "pwd", "reboot", "rm",
    "rmdir", "sed", "sh", "sleep", "sort", "stat", "strings", "stty", "su", "sync", "tail", "tar",
    "tee", "telnet", "telnetd", "test", "tftp", "time", "top", "touch", "tr", "true", "umount",
    "uname", "uniq", "unzip", "uptime", "vi", "watch", "wc", "wget", "which", "whoami", "xargs",
    "xxd", "yes",
];

/// Words that are the same in each session of a bot, and that chance could have made, too.
const FIXED: &[&str] = &[
    "AEGIS",
    "AKIRU",
    "AMAKANO",
    "AMNESIA",
    "APEP",
    "ARES",
    "ASUNA",
    "BLOOD",
    "BOTNET",
    "CAYOSIN",
    "CORONA",
    "CULT",
    "DADDYLEET",
    "DARK",
    "DAVID",
    "DEMON",
    "DEMONS",
    "DEVIL",
    "DREAM",
    "ECCHI",
    "EXTENDO",
    "FBOT",
    "FREAK",
    "FUCKU",
    "GAFGYT",
    "GAYFGT",
    "GHETTO",
    "HAKAI",
    "HBOT",
    "HELLO",
    "HITO",
    "HORNY",
    "HYBRID",
    "IHCCE",
    "IZUKU",
    "JOSHO",
    "KALON",
    "KANJI",
    "KATRINA",
    "KOWAI",
    "KURA",
    "KYTON",
    "LIZARD",
    "LOLIGANG",
    "LZRD",
    "MASUTA",
    "MIORI",
    "MIRAI",
    "MOZI",
    "NIGGER",
    "NIPPON",
    "OBJPRN",
    "OKANE",
    "OKIRU",
    "OMNI",
    "OSIRIS",
    "OWARI",
    "PEDO",
    "RAIDEN",
    "RBOT",
    "RIFT",
    "SAIKIN",
    "SATAN",
    "SATORI",
    "SEFA",
    "SENPAI",
    "SHINOA",
    "SHINTO",
    "SHIRO",
    "SORA",
    "SYLVEON",
    "TOKYO",
    "TSUKI",
    "TSUNAMI",
    "UNSTABLE",
    "VENOM",
    "VORTEX",
    "WICKED",
    "XENON",
    "YAKUZA",
    "YOYO",
    "ZEHIR",
    "ZEUS",
    "ZORRO",
];

/// Returns an applet as it stands in the normal form. A word that is no applet is a bot's own: it asks for the answer
/// `QWERT: applet not found`. Some bots draw it at random for each session, and others always use the same one.
pub(super) fn form(word: &str) -> &str {
    let is_fixed =
        APPLETS.contains(&word) || FIXED.iter().any(|fixed| fixed.eq_ignore_ascii_case(word));
    let is_letters = word.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_word = word.len() < 4 || (random::is_wordlike(word) && !random::is_mixed(word));
    match is_fixed || is_word || !is_letters {
        true => word,
        false => "<word>",
    }
}

#[cfg(test)]
mod tests {
    use super::form;

    #[test]
    fn random_words_are_told_from_fixed_ones() {
        for random in [
            "QWERT", "WZEUF", "OBWBF", "VAIFR", "HGYQA", "PEGOK", "VlRuNDDJ", "XUSRH",
        ] {
            assert_eq!(form(random), "<word>", "{random}");
        }
        for fixed in [
            "MIRAI", "ECCHI", "LZRD", "wget", "BOTNET", "gay", "CORONA", "SATORI", "MONSTER",
            "STINGER",
        ] {
            assert_eq!(form(fixed), fixed);
        }
    }
}
