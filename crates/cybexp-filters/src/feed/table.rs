//! Feeds as CSV. The header line stands first, last, or is missing.

/// The columns of PhishTank's CSV, for mirrors that leave the header line out.
const PHISHTANK: [&str; 8] = [
    "phish_id",
    "url",
    "phish_detail_url",
    "submission_time",
    "verified",
    "verification_time",
    "online",
    "target",
];

/// Returns the names of the columns in lower case; `None` if the text is no CSV.
///
/// In a mirror that sorts the file, the header line is mostly the last one.
pub(super) fn columns(text: &str) -> Option<Vec<String>> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let last = lines.next_back();
    let header = [Some(first), last]
        .into_iter()
        .flatten()
        .find(|line| is_header(line));
    match header {
        Some(header) => Some(cells(header).map(str::to_ascii_lowercase).collect()),
        None => is_phish(first).then(|| PHISHTANK.map(str::to_owned).to_vec()),
    }
}

/// Returns the cells of each row, without the header line; `None` for a row that cannot be read.
pub(super) fn rows(text: &str) -> impl Iterator<Item = Option<Vec<String>>> {
    let rows = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    rows.into_records().filter_map(|row| match row {
        Ok(row) if names_url(row.iter()) => None,
        Ok(row) => Some(Some(row.iter().map(str::to_owned).collect())),
        Err(_) => Some(None),
    })
}

/// Whether a line is a header line: it names columns, one of them `url`.
fn is_header(line: &str) -> bool {
    line.contains(',') && !line.contains("://") && names_url(cells(line))
}

fn names_url<'a>(mut cells: impl Iterator<Item = &'a str>) -> bool {
    cells.any(|cell| cell.eq_ignore_ascii_case("url"))
}

/// Whether a line is a row of PhishTank's CSV: a number, then a URL.
fn is_phish(line: &str) -> bool {
    let mut cells = line
        .splitn(3, ',')
        .map(|cell| cell.trim().trim_matches('"'));
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    cells.next().is_some_and(is_id) && cells.next().is_some_and(|url| url.contains("://"))
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_told_from_lines() {
        for (text, expected) in [
            ("phish_id,url\n1,http://a.example", Some(2)),
            ("1,http://a.example\nphish_id,URL,x", Some(3)),
            ("\n1000001,https://a.example/,x", Some(8)),
            ("\"1\",\"https://a.example/x,y\"", Some(8)),
            ("http://a.example/?a=1,url", None),
            ("1.example,http://a.example", None),
            ("http://a.example", None),
            ("url", None),
            ("", None),
        ] {
            assert_eq!(
                columns(text).map(|columns| columns.len()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn rows_are_those_that_name_no_columns() {
        let text = "1,\"http://a.example/x,y\"\nphish_id,url\n2";
        let rows: Vec<_> = rows(text).collect();
        let row = |cells: &[&str]| Some(cells.iter().map(|cell| (*cell).to_owned()).collect());
        assert_eq!(rows, [row(&["1", "http://a.example/x,y"]), row(&["2"])]);
    }
}
