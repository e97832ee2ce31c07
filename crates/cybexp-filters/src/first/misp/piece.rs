//! Parts of an event, and how many of them fit in one document.
//!
//! A MongoDB document may have 16 MiB, and the store accepts 10,000 references of an event. Pieces are therefore packed, in their order, into as many documents as they need.

use tahoe_core::{Attribute, Hash, Node, Object, Scalar, SubType, Tlp};

use super::tags;

/// The result of one attribute or object of MISP.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) nodes: Vec<Node>,
    /// Hashes of those nodes, and nodes within them, that are in malicious context.
    pub(super) malicious: Vec<Hash>,
    /// Attributes that stand on the event, in unknown context: hosts of URLs, tags.
    pub(super) beside: Vec<Attribute>,
    /// The strictest label among the tags.
    pub(super) tlp: Option<Tlp>,
    /// Upper bound of the bytes in a document, apart from escapes.
    plain: usize,
    /// Upper bound of the bytes that quotes, backslashes and characters beyond ASCII take in the canonical form of an
    /// attribute on the event. Each level escapes them anew: one character takes 8 bytes there, and 4 times as many
    /// with each object around it.
    escaped: usize,
    /// The number of attributes and objects in it, at all depths.
    refs: usize,
}

/// Bytes for each node: its hash in `_cref`, `_ref` and `_mal_ref`, each an element of a BSON array, and its element in
/// the array of values.
const NODE_COST: usize = 3 * 80 + 24;

/// Bytes of an escaped character in an attribute on the event.
const ESCAPE_COST: usize = 8;

/// Factor by which [`ESCAPE_COST`] grows with each object around the attribute.
const ESCAPE_GROWTH: usize = 4;

impl Piece {
    /// Makes a piece of an attribute, in malicious context if it is flagged.
    pub(super) fn attribute(attribute: Attribute, flagged: bool) -> Self {
        let mut piece = Self::default();
        piece.malicious.extend(flagged.then(|| attribute.hash()));
        (piece.plain, piece.escaped) = costs(&attribute);
        piece.nodes.push(attribute.into());
        piece.refs = 1;
        piece
    }

    /// Adds attributes that stand beside the piece on the event.
    pub(super) fn beside(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        for attribute in attributes {
            let (plain, escaped) = costs(&attribute);
            self.plain += plain + escaped;
            self.refs += 1;
            self.tlp = Tlp::strictest(self.tlp, tags::label(&attribute));
            self.beside.push(attribute);
        }
        self
    }

    /// Makes an object of these pieces, malicious if any part of it is; `None` if no such object is possible.
    pub(super) fn object(sub_type: SubType, pieces: Vec<Self>) -> Option<Self> {
        let Self {
            nodes,
            mut malicious,
            beside,
            tlp,
            plain,
            escaped,
            refs,
        } = Self::all(pieces);
        let object = Object::new(sub_type, nodes).ok()?;
        if !malicious.is_empty() {
            malicious.push(object.hash());
        }
        Some(Self {
            nodes: vec![object.into()],
            malicious,
            beside,
            tlp,
            plain: plain + NODE_COST,
            escaped: escaped * ESCAPE_GROWTH,
            refs: refs + 1,
        })
    }

    /// Returns an upper bound of the piece's bytes in an event's document and in its canonical form.
    pub(super) fn cost(&self) -> usize {
        self.cost_below(0)
    }

    /// Returns the same bound with this many more objects around the piece.
    pub(super) fn cost_below(&self, objects: u32) -> usize {
        self.plain + self.escaped * ESCAPE_GROWTH.pow(objects)
    }

    /// Joins these pieces into one.
    pub(super) fn all(pieces: Vec<Self>) -> Self {
        let mut all = Self::default();
        for piece in pieces {
            all.nodes.extend(piece.nodes);
            all.malicious.extend(piece.malicious);
            all.beside.extend(piece.beside);
            all.tlp = Tlp::strictest(all.tlp, piece.tlp);
            all.plain += piece.plain;
            all.escaped += piece.escaped;
            all.refs += piece.refs;
        }
        all
    }
}

fn costs(attribute: &Attribute) -> (usize, usize) {
    let text = match attribute.data() {
        Scalar::Str(text) => text.as_str(),
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => "",
    };
    let escaped = |c: &char| !matches!(c, ' '..='~') || matches!(c, '"' | '\\');
    let escaped = text.chars().filter(escaped).count();
    (NODE_COST + text.len(), escaped * ESCAPE_COST)
}

/// Pieces that are put together until an event is full. A group that is handed on costs at most `limit` and has at most
/// `refs` references, or is a single piece that has more.
pub(super) struct Group {
    pieces: Vec<Piece>,
    limit: usize,
    refs: usize,
    cost: usize,
    count: usize,
}

impl Group {
    pub(super) fn new(limit: usize, refs: usize) -> Self {
        Self {
            pieces: Vec::new(),
            limit,
            refs,
            cost: 0,
            count: 0,
        }
    }

    /// Adds a piece. Returns the pieces before it if it does not fit beside them.
    pub(super) fn add(&mut self, piece: Piece) -> Option<Vec<Piece>> {
        let (cost, count) = (piece.cost(), piece.refs);
        let fits = self.cost + cost <= self.limit && self.count + count <= self.refs;
        let full = (!fits && !self.pieces.is_empty()).then(|| self.take());
        self.cost += cost;
        self.count += count;
        self.pieces.push(piece);
        full
    }

    /// Takes all pieces.
    pub(super) fn take(&mut self) -> Vec<Piece> {
        (self.cost, self.count) = (0, 0);
        std::mem::take(&mut self.pieces)
    }
}

/// Groups pieces, each group as [`Group`] makes it.
pub(super) fn pack(pieces: Vec<Piece>, limit: usize, refs: usize) -> Vec<Vec<Piece>> {
    let mut group = Group::new(limit, refs);
    let mut groups: Vec<Vec<Piece>> = pieces
        .into_iter()
        .filter_map(|piece| group.add(piece))
        .collect();
    groups.extend(Some(group.take()).filter(|last| !last.is_empty()));
    groups
}
