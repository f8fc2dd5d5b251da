//! JSON5 text as a tree in which every value knows where it was written.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jsonc_parser::ast::{NumberLit, ObjectPropName, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::tokens::Token;
use jsonc_parser::{CollectOptions, ParseOptions, Scanner, ScannerOptions, parse_to_ast};
use serde_json::{Map, Number, Value};

use crate::issue::Issue;
use crate::key_path::KeyPath;
use crate::syntax_error;

/// How deep lists and objects may nest, in one file and over all included files together. Far more than any
/// configuration needs, and little enough for every recursive walk over the tree.
pub const MAX_NESTING: usize = 128;

/// A file that configuration was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Absolute path.
    pub path: PathBuf,
    /// The path as shown to the owner, with the home directory written `~`.
    pub shown: String,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Origin {
    /// `file:line:column`, as shown to the owner.
    pub(crate) fn shown(&self) -> String {
        format!("{}:{}:{}", self.file.shown, self.line, self.column)
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub content: Content,
    /// Where its first character stands.
    pub origin: Origin,
}

/// The kinds of JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A finite number; whole ones are kept as integers, however they were written.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// An object, in the order of the file, each key once.
    Object(Vec<Member>),
}

/// One key of an object with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_origin: Origin,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of `key`, when this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.member(key).map(|member| &member.value)
    }

    /// The member named `key`, when this is an object that has it.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.key == key)
    }

    /// The value at a chain of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The members of an object; none for any other kind.
    pub fn members(&self) -> &[Member] {
        match &self.content {
            Content::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none for any other kind.
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.content {
            Content::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The kind of value, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "null",
            Content::Bool(true) => "true",
            Content::Bool(false) => "false",
            Content::Number(_) => "a number",
            Content::String(_) => "a string",
            Content::Array(_) => "a list",
            Content::Object(_) => "an object",
        }
    }

    /// The value without its positions.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::String(text) => Value::String(text.clone()),
            Content::Array(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Content::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// JSON5, except that unquoted keys may also hold `-`, as in `gpt-4`.
pub(crate) fn parse_options() -> ParseOptions {
    ParseOptions {
        allow_missing_commas: false,
        ..ParseOptions::default()
    }
}

/// Takes a byte order mark off the front of `text`.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads JSON5.
///
/// Where a key stands twice in one object, the last value wins and a sentence about it is added to `warnings`.
///
/// # Errors
/// One issue with the position of the first syntax error: broken JSON5, an empty document, a number that is not
/// finite, or nesting beyond [`MAX_NESTING`].
pub fn parse(
    text: &str,
    file: &Arc<SourceFile>,
    warnings: &mut Vec<String>,
) -> Result<Node, Box<Issue>> {
    let text = without_bom(text);
    let mut reader = Reader {
        file,
        cursor: Cursor::new(text),
        warnings,
    };
    if let Some(start) = string_left_open(text) {
        return Err(reader.issue(
            start,
            "the string that starts here is not closed on its line; add the closing quote",
        ));
    }
    let parsed =
        parse_to_ast(text, &CollectOptions::default(), &parse_options()).map_err(|error| {
            let (offset, message) = syntax_error::explain(&error, text);
            reader.issue(offset, message)
        })?;
    match parsed.value {
        Some(value) => reader.node(&value, 0),
        None => Err(reader.issue(
            text.len(),
            "expected an object such as {}, found the end of the file",
        )),
    }
}

/// The start of the first string that runs over the end of a line without a `\` there.
///
/// The parser would take it as a string of several lines, and complain about a place far from the missing quote.
fn string_left_open(text: &str) -> Option<usize> {
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    while let Ok(Some(token)) = scanner.scan() {
        if !matches!(token, Token::String(_)) {
            continue;
        }
        let written = &text.as_bytes()[scanner.token_start()..scanner.token_end()];
        let mut escaped = false;
        for (index, byte) in written.iter().enumerate() {
            match byte {
                // "\" before "\r\n" continues the line over both.
                b'\n' if index > 0 && written[index - 1] == b'\r' => {}
                b'\n' | b'\r' if !escaped => return Some(scanner.token_start()),
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
        }
    }
    None
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    cursor: Cursor<'a>,
    warnings: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn origin(&mut self, offset: usize) -> Origin {
        let (line, column) = self.cursor.position(offset);
        Origin {
            file: Arc::clone(self.file),
            line,
            column,
        }
    }

    fn issue(&mut self, offset: usize, message: impl Into<String>) -> Box<Issue> {
        Box::new(Issue::at(&self.origin(offset), &KeyPath::root(), message))
    }

    fn node(&mut self, ast: &Ast<'_>, depth: usize) -> Result<Node, Box<Issue>> {
        let start = ast.start();
        if depth > MAX_NESTING {
            return Err(self.issue(
                start,
                format!("lists and objects are nested more than {MAX_NESTING} levels deep here"),
            ));
        }
        let origin = self.origin(start);
        let content = match ast {
            Ast::NullKeyword(_) => Content::Null,
            Ast::BooleanLit(literal) => Content::Bool(literal.value),
            Ast::StringLit(literal) => Content::String(literal.value.clone().into_owned()),
            Ast::NumberLit(literal) => {
                Content::Number(number(literal).map_err(|message| self.issue(start, message))?)
            }
            Ast::Array(array) => Content::Array(
                array
                    .elements
                    .iter()
                    .map(|element| self.node(element, depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            Ast::Object(object) => {
                let mut members: Vec<Member> = Vec::with_capacity(object.properties.len());
                let mut places: HashMap<String, usize> = HashMap::new();
                for property in &object.properties {
                    let key = name(&property.name);
                    let key_origin = self.origin(property.name.start());
                    let value = self.node(&property.value, depth + 1)?;
                    let member = Member {
                        key: key.clone(),
                        key_origin,
                        value,
                    };
                    match places.get(&key) {
                        Some(&place) => {
                            self.warnings.push(format!(
                                "{}: the key \"{key}\" stands twice in one object; this last value is used, the one on line {} is not.",
                                member.key_origin.shown(),
                                members[place].key_origin.line
                            ));
                            members[place] = member;
                        }
                        None => {
                            places.insert(key, members.len());
                            members.push(member);
                        }
                    }
                }
                Content::Object(members)
            }
        };
        Ok(Node { content, origin })
    }
}

fn name(name: &ObjectPropName<'_>) -> String {
    match name {
        ObjectPropName::String(literal) => literal.value.clone().into_owned(),
        ObjectPropName::Word(word) => word.value.to_owned(),
    }
}

/// The largest whole number that a floating-point literal is turned into an integer for: beyond it a double no
/// longer holds every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a JSON5 number.
fn number(literal: &NumberLit<'_>) -> Result<Number, String> {
    let written = literal.value;
    let unsigned = written.trim_start_matches(['+', '-']);
    let negative = written.starts_with('-');
    if matches!(unsigned, "Infinity" | "NaN") {
        return Err(format!(
            "the number {written} is not finite; write a finite number"
        ));
    }
    let too_large = || format!("the number {written} is too large");
    if let Some(hex) = unsigned
        .strip_prefix("0x")
        .or_else(|| unsigned.strip_prefix("0X"))
    {
        let magnitude = u64::from_str_radix(hex, 16).map_err(|_| too_large())?;
        return integer(magnitude, negative).ok_or_else(too_large);
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(magnitude) = unsigned.parse::<u64>()
        && let Some(integer) = integer(magnitude, negative)
    {
        return Ok(integer);
    }
    let value: f64 = written
        .parse()
        .map_err(|_| format!("{written} is not a number"))?;
    // 1e3 and 5.0 are whole numbers, as they were to the program that wrote them.
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[allow(clippy::cast_possible_truncation)] // whole and within the exact range
        return Ok(Number::from(value as i64));
    }
    Number::from_f64(value).ok_or_else(too_large)
}

fn integer(magnitude: u64, negative: bool) -> Option<Number> {
    if negative {
        let value = i128::from(magnitude).checked_neg()?;
        i64::try_from(value).ok().map(Number::from)
    } else {
        Some(Number::from(magnitude))
    }
}

/// Turns byte offsets into lines and columns; quickest when asked in rising order.
struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            line: 1,
            column: 1,
        }
    }

    fn position(&mut self, offset: usize) -> (usize, usize) {
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        for (index, c) in passed.char_indices() {
            let next = self.text.as_bytes().get(self.offset + index + 1);
            if c == '\n' || (c == '\r' && next != Some(&b'\n')) {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset += passed.len();
        (self.line, self.column)
    }
}
