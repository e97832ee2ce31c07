//! Draws the summary graph of a related report as a tree.

use std::collections::BTreeMap;

use serde_json::Value;

use cybexp_term::{BOLD, CYAN, DIM, short};

/// The most values that are shown of one leaf.
const SHOWN: usize = 4;

/// The paths of a summary graph, with the subject as their root.
#[derive(Default)]
pub(crate) struct Tree {
    root: Branch,
    values: usize,
}

#[derive(Default)]
struct Branch {
    branches: BTreeMap<String, Branch>,
    leaves: BTreeMap<String, Vec<String>>,
}

impl Tree {
    /// Reads `{sub_type: [[value, [labels from the value to the subject]], …]}`.
    pub(crate) fn new(graph: &Value) -> Self {
        let mut tree = Self::default();
        for rows in graph.as_object().into_iter().flat_map(|map| map.values()) {
            for row in rows.as_array().into_iter().flatten() {
                let labels = row[1].as_array().into_iter().flatten();
                let labels: Vec<&str> = labels.filter_map(Value::as_str).collect();
                if let [leaf, between @ .., _subject] = &labels[..] {
                    tree.root.insert(between, leaf, &row[0]);
                    tree.values += 1;
                }
            }
        }
        tree
    }

    /// Returns the number of values in the tree.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// Returns the lines below the subject.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.root.draw("", &mut lines);
        lines
    }
}

impl Branch {
    /// Adds a value. `between` holds the labels from the leaf towards the root.
    fn insert(&mut self, between: &[&str], leaf: &str, value: &Value) {
        match between {
            [rest @ .., nearest] => {
                let branch = self.branches.entry((*nearest).to_owned()).or_default();
                branch.insert(rest, leaf, value);
            }
            [] => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                self.leaves.entry(leaf.to_owned()).or_default().push(text);
            }
        }
    }

    fn draw(&self, indent: &str, lines: &mut Vec<String>) {
        let mut left = self.leaves.len() + self.branches.len();
        let mut stem = || {
            left -= 1;
            stem(left == 0)
        };
        for (label, values) in &self.leaves {
            let (stem, _) = stem();
            let name = short(label.split('=').next().unwrap_or_default());
            let shown: Vec<String> = values
                .iter()
                .take(SHOWN)
                .map(|value| short(value))
                .collect();
            let more = match values.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" {DIM}and {more} more{DIM:#}"),
            };
            let shown = shown.join(&format!("{CYAN:#}{DIM}, {DIM:#}{CYAN}"));
            lines.push(format!("{indent}{stem} {name} {CYAN}{shown}{CYAN:#}{more}"));
        }
        for (label, branch) in &self.branches {
            let (stem, below) = stem();
            let (sub_type, itype) = label.split_once('=').unwrap_or((label, ""));
            let (sub_type, itype) = (short(sub_type), short(itype));
            lines.push(format!(
                "{indent}{stem} {BOLD}{sub_type}{BOLD:#} {DIM}{itype}{DIM:#}"
            ));
            branch.draw(&format!("{indent}{below}"), lines);
        }
    }
}

/// Returns the branch drawn before a line of a tree, and the indent of the lines below it.
pub(crate) fn stem(is_last: bool) -> (&'static str, &'static str) {
    match is_last {
        true => ("└─", "   "),
        false => ("├─", "│  "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_graph_is_drawn_from_its_subject() {
        let graph = json!({
            "filename": [["a.sh\u{1b}", ["filename=attribute", "file=object", "url=attribute"]]],
            "port": [[22, ["port=attribute", "url=attribute"]]],
            "sha256": [["aa", ["sha256=attribute", "file=object", "url=attribute"]]],
        });
        let tree = Tree::new(&graph);
        assert_eq!(tree.values(), 3);
        let lines: Vec<String> = tree.lines().iter().map(|line| plain(line)).collect();
        assert_eq!(
            lines,
            [
                "├─ port 22",
                "└─ file object",
                "   ├─ filename a.sh\\u{1b}",
                "   └─ sha256 aa"
            ]
        );
    }

    fn plain(line: &str) -> String {
        let mut plain = String::new();
        let mut styled = false;
        for c in line.chars() {
            styled |= c == '\u{1b}';
            if !styled {
                plain.push(c);
            }
            styled &= c != 'm';
        }
        plain
    }
}
