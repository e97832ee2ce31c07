//! Names of months and time zones in dates of mails.

/// The names of the months in lower case, as mail programs of several countries write them. One that is of two months
/// (`listopada`, `srpna` and their like, in Czech, Croatian and Polish) is in no row.
const MONTHS: [&[&str]; 12] = [
    &[
        "jan", "january", "janv", "janvier", "januar", "jänner", "ene", "enero", "janeiro", "gen", "gennaio",
        "januari", "stycznia", "sty", "leden", "ledna", "ian", "ianuarie", "ocak", "oca", "tammikuu", "янв", "января",
        "1月",
    ],
    &[
        "feb", "february", "fév", "févr", "fevr", "février", "februar", "fev", "febrero", "fevereiro", "febbraio",
        "februari", "lutego", "lut", "února", "februarie", "şub", "şubat", "helmikuu", "фев", "февраля", "2月",
    ],
    &[
        "mar", "march", "mars", "mär", "märz", "mrz", "maerz", "marzo", "março", "marco", "maart", "mrt", "marca",
        "března", "martie", "mart", "maaliskuu", "мар", "марта", "3月",
    ],
    &[
        "apr", "april", "avr", "avril", "abr", "abril", "aprile", "kwi", "kwietnia", "dubna", "aprilie", "nis",
        "nisan", "huhtikuu", "апр", "апреля", "4月",
    ],
    &[
        "may", "mai", "mayo", "maio", "mag", "maggio", "mei", "maj", "maja", "května", "mayıs", "toukokuu", "май",
        "мая", "5月",
    ],
    &[
        "jun", "june", "juin", "juni", "junio", "junho", "giu", "giugno", "cze", "czerwca", "června", "iun", "iunie",
        "haz", "haziran", "kesäkuu", "июн", "июня", "6月",
    ],
    &[
        "jul", "july", "juil", "juillet", "juli", "julio", "julho", "lug", "luglio", "lip", "lipca", "července",
        "iul", "iulie", "tem", "temmuz", "heinäkuu", "июл", "июля", "7月",
    ],
    &[
        "aug", "august", "aoû", "août", "aout", "ago", "agosto", "augustus", "augusti", "sie", "sierpnia", "ağu",
        "ağustos", "elokuu", "авг", "августа", "8月",
    ],
    &[
        "sep", "sept", "september", "septembre", "set", "septiembre", "setembro", "settembre", "wrz", "września",
        "září", "septembrie", "eyl", "eylül", "syyskuu", "сен", "сентября", "9月",
    ],
    &[
        "oct", "october", "octobre", "okt", "oktober", "octubre", "out", "outubro", "ott", "ottobre", "paź",
        "października", "octombrie", "eki", "ekim", "lokakuu", "окт", "октября", "10月",
    ],
    &[
        "nov", "november", "novembre", "noviembre", "novembro", "noiembrie", "kas", "kasım", "marraskuu", "ноя",
        "ноября", "11月",
    ],
    &[
        "dec", "december", "déc", "décembre", "decembre", "dez", "dezember", "dic", "diciembre", "dezembro",
        "dicembre", "des", "desember", "gru", "grudnia", "prosince", "decembrie", "ara", "aralık", "joulukuu", "дек",
        "декабря", "12月",
    ],
];

/// The month, from 1, that a word in lower case names.
pub(super) fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.');
    (1..).zip(MONTHS).find_map(|(number, names)| names.contains(&word).then_some(number))
}

/// Minutes east of UTC of the zones that an abbreviation in lower case may mean, the likeliest first.
pub(super) fn zone(word: &str) -> Option<&'static [i32]> {
    Some(match word {
        "ut" | "utc" | "gmt" | "z" | "wet" | "uct" | "zulu" => &[0],
        "bst" => &[60, 360],
        "west" | "cet" | "met" | "mez" | "wat" => &[60],
        "ist" => &[330, 120, 60],
        "cest" | "mest" | "mesz" | "eet" | "sast" | "cat" => &[120],
        "eest" | "msk" | "trt" | "eat" => &[180],
        "msd" | "gst" => &[240],
        "pkt" => &[300],
        "npt" => &[345],
        "ict" | "wib" => &[420],
        "hkt" | "sgt" | "myt" | "pht" | "awst" => &[480],
        "jst" | "kst" => &[540],
        "acst" => &[570],
        "aest" => &[600],
        "acdt" => &[630],
        "aedt" => &[660],
        "nzst" => &[720],
        "nzdt" => &[780],
        "ndt" => &[-150],
        "nst" => &[-210],
        "adt" | "brt" | "art" | "clst" => &[-180],
        "ast" => &[-240, 180],
        "edt" | "clt" => &[-240],
        "est" | "cdt" | "pet" => &[-300],
        "cst" => &[-360, 480],
        "mdt" => &[-360],
        "mst" | "pdt" => &[-420],
        "pst" | "akdt" => &[-480],
        "akst" => &[-540],
        "hst" => &[-600],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_of_two_months() {
        let mut names: Vec<&str> = MONTHS.iter().flat_map(|names| names.iter().copied()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
