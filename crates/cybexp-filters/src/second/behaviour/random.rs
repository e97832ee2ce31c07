//! Tells words from random strings.
//!
//! Bots draw file names, markers and applets at random, and others use fixed words in their place. One session does not
//! tell which: only the letters do. Two signs are read. *Mixed classes*: digits, capitals and small letters follow each
//! other as in no word (`mkK47vJW2R`). *Unlikely letters*: pairs of letters are rarer than in words (`eyshcjdmzg`).
//! [`PAIRS`] was counted on the names and descriptions of software packages; the limits are those that 1 % of random
//! strings of that length exceed (a third of a percent of those of five). By them a third of the words of five letters are taken for words, 71 % of six,
//! 92 % of eight.

/// For each letter and the beginning of a word (first row), how likely each letter from `a` to `z` follows it: from `a`,
/// one sixty-fourth of the average, to `z`, eight times the average, on a logarithmic scale.
const PAIRS: [&[u8; 26]; 27] = [
    b"trusrrqprkmqspquksvsnophhi",
    b"gqtrilqfrdmvrvgrdvtwonkjoh",
    b"wnnkviihvjdwnhwmatslthafnc",
    b"vgnkvhevsatslgxlespvreadma",
    b"vqmpynngxjkpnjtlarskrjjina",
    b"smsupmnglahsrwlpjxwtjnlqjc",
    b"vejjuteeyaeulfwjatprtacipa",
    b"uhkkyjqsvaarostndwsksfcfnd",
    b"xklmygdcwccnnlwjeqmsrehara",
    b"rouqrpqafajsryvpeptugqbkao",
    b"xamiyiaasalapawplkuhwipaia",
    b"unknzmmjxgfqlornbovpqijgog",
    b"wjmpxjjbxajulfvlagqqqkeesa",
    b"xqmkyihcwafpqjvvhirjrdfela",
    b"tittvoxhtgmkjorjahvwnodgle",
    b"norrhlpgnhnstyqsawsssoplic",
    b"vhllwijrtaivkhvravrsqdgesa",
    b"ohnnlaignaavlgmkamlqzanaaa",
    b"xkpqylndvaolqnvneotspnfcpa",
    b"rismwjisvanonksskjuxshleoa",
    b"vioixkgsyagnkiukauspqbjcqc",
    b"srrrrkpbrchutvksavvvgdajfh",
    b"wfmgzfgeyaejmgtjahmikdafja",
    b"yikjxiiswakoisvlastmcaifha",
    b"tlsnwlijwafoplqxaonxkafipa",
    b"sqrqskpirccrsuswhpwunjokhm",
    b"xifazjaiwafmnltiailipaaapr",
];

/// Whether a word's letters follow each other as in words, beyond what chance does in one of a hundred random strings.
/// Words of fewer than four letters never do.
pub(super) fn is_wordlike(word: &str) -> bool {
    let letters = || word.bytes().filter(u8::is_ascii_alphabetic);
    let count = letters().count();
    let limit = match count {
        0..4 => return false,
        4 => 1.1,
        5 => 1.15,
        6 => 0.66,
        7 => 0.51,
        8 => 0.39,
        9 => 0.29,
        10 => 0.2,
        11 => 0.1,
        _ => 0.0,
    };
    let mut row = 0;
    let mut sum = 0.0;
    for letter in letters() {
        let place = usize::from(letter.to_ascii_lowercase() - b'a');
        sum += f64::from(PAIRS[row][place] - b'a') * 9.0 / 25.0 - 6.0;
        row = place + 1;
    }
    sum / count as f64 > limit
}

/// Whether digits, capitals and small letters alternate in a word as in no name that a person gives: three changes, or
/// all three in eight characters with a digit inside. A capital that at least two small letters follow is as in
/// `dvrHelper`, and no change.
pub(super) fn is_mixed(word: &str) -> bool {
    let bytes = word.as_bytes();
    let is_hump = |at: usize| {
        let small = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
        bytes[at].is_ascii_uppercase() && small(at + 1) && small(at + 2)
    };
    let class = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    let mut changes = 0;
    for (at, pair) in bytes.windows(2).enumerate() {
        let differs = class(&pair[0]) != class(&pair[1]);
        let begins = is_hump(at + 1) && !pair[0].is_ascii_digit();
        if differs && !is_hump(at) && !begins {
            changes += 1;
        }
    }
    let is_inside = |pair: &[u8]| pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic();
    let has_all = bytes.len() >= 8
        && bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
        && bytes.windows(2).any(is_inside);
    (changes >= 3 || has_all) && bytes.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether the name of a program is none: eight characters and more of mixed classes, with a digit inside. Others, such as
/// `SuSEfirewall2`, stay.
pub(super) fn is_code(word: &str) -> bool {
    let is_inside = |pair: &[u8]| pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic();
    word.len() >= 8 && is_mixed(word) && word.as_bytes().windows(2).any(is_inside)
}

/// Whether a file name looks random: mixed classes, or letters that are no word.
pub(super) fn is_random_name(name: &str) -> bool {
    let stem = name.trim_start_matches('.');
    if stem.len() < 5 || !stem.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return stem.len() >= 4 && is_mixed(stem);
    }
    is_mixed(stem) || !is_wordlike(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_names_are_told_from_words() {
        for name in [
            "mkK47vJW2R",
            "LdIZfonKCM",
            "eyshcjdmzg",
            "catbpnhz",
            "kzpold",
            "8UsA",
            "z1z2z5a6qw5asda",
            "7wmp0b4s",
            "VlRuNDDJ",
            "LUZFZH8yd8m",
        ] {
            assert!(is_random_name(name), "{name}");
        }
        for name in [
            "setup",
            "clean",
            "secure",
            "Oblivion121",
            "axisbins",
            "binInfect",
            "Clown",
            "senpai",
            "miner",
            "update",
            "tftp1",
            "sshd",
        ] {
            assert!(!is_mixed(name), "{name}");
        }
        assert!(is_code("XBWk2DfaVCtd") && !is_code("SuSEfirewall2") && !is_code("NetworkManager"));
        for word in ["miner", "senpai", "MONSTER", "corona", "installer"] {
            assert!(is_wordlike(word), "{word}");
        }
    }
}
