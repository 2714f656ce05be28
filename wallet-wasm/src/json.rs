//! Reading JSON: the text into one tree, and any type out of that tree.
//!
//! The readers of `serde_json` are compiled for each type by itself, each of them twice (a struct may come as an object or
//! as an array) and with the words of every error: a sixth of the wasm that a cold worker has to compile. This one is as
//! thin as can be: it knows the forms that `serde_json` writes for the wallet's types, no others, and of what is wrong it
//! only tells the field. What it has read is wiped, as it may hold secrets.

use std::fmt;
use std::slice;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

/// It is not what was to be read; the field that is missing, or what was expected instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(&'static str);

impl fmt::Display for Unreadable {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} is missing or of another form", self.0)
    }
}

impl std::error::Error for Unreadable {}

impl de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("a value")
    }

    fn missing_field(field: &'static str) -> Self {
        Self(field)
    }
}

/// Reads a text.
///
/// # Errors
/// It is no JSON, or not of this type.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    take(&Tree::of(text)?.0)
}

/// Reads a part of a tree.
///
/// # Errors
/// It is not of this type.
pub fn take<T: DeserializeOwned>(part: &Value) -> Result<T, Unreadable> {
    T::deserialize(Reader(part))
}

/// A text that was read; wiped on drop.
pub struct Tree(Value);

impl Tree {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn of(text: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(text).map(Self).map_err(|_| Unreadable("JSON"))
    }

    /// A field of the object that it is.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(tree: &mut Value) {
    match tree {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(entries) => entries.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads a type out of a tree.
#[derive(Clone, Copy)]
struct Reader<'de>(&'de Value);

impl<'de> Reader<'de> {
    fn text(self) -> Result<&'de str, Unreadable> {
        self.0.as_str().ok_or(Unreadable("a text"))
    }

    fn items<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let mut items = Items(self.0.as_array().ok_or(Unreadable("a list"))?.iter());
        let read = visitor.visit_seq(&mut items)?;
        if items.0.len() == 0 { Ok(read) } else { Err(Unreadable("the end of a list")) }
    }

    fn entries<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let entries = self.0.as_object().ok_or(Unreadable("an object"))?;
        visitor.visit_map(Entries { rest: entries.iter(), value: None })
    }
}

/// A number of the widest type; the visitor narrows it.
macro_rules! numbers {
    ($($name:ident)* => $read:ident $visit:ident) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            visitor.$visit(self.0.$read().ok_or(Unreadable("a number"))?)
        })*
    };
}

/// What takes a text.
macro_rules! texts {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            visitor.visit_borrowed_str(self.text()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Unreadable;

    // No type of the wallet reads whatever is there, and none holds these.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
        Err(Unreadable("a known type"))
    }

    forward_to_deserialize_any! { f32 f64 char bytes byte_buf unit unit_struct }

    numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 => as_i64 visit_i64 }
    numbers! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => as_u64 visit_u64 }
    texts! { deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_bool(self.0.as_bool().ok_or(Unreadable("yes or no"))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.items(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.items(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.items(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.entries(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.entries(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            Value::Object(entries) => visitor.visit_enum(Variant::of(entries)?),
            _ => Err(Unreadable("a variant")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }
}

struct Items<'de>(slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        self.0.next().map(|item| seed.deserialize(Reader(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'de> {
    rest: serde_json::map::Iter<'de>,
    /// The value of the key that was read last.
    value: Option<&'de Value>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unreadable> {
        seed.deserialize(Reader(self.value.take().ok_or(Unreadable("a value"))?))
    }
}

/// A variant that holds something: `{"name": what it holds}`.
struct Variant<'de> {
    name: &'de str,
    held: Reader<'de>,
}

impl<'de> Variant<'de> {
    fn of(entries: &'de Map<String, Value>) -> Result<Self, Unreadable> {
        let mut entries = entries.iter();
        match (entries.next(), entries.next()) {
            (Some((name, held)), None) => Ok(Self { name, held: Reader(held) }),
            _ => Err(Unreadable("one variant")),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Unreadable;
    type Variant = Reader<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'de>), Unreadable> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Unreadable>::new(self.name))?, self.held))
    }
}

impl<'de> de::VariantAccess<'de> for Reader<'de> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        if self.0.is_null() { Ok(()) } else { Err(Unreadable("a variant that holds nothing")) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.items(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unreadable> {
        self.entries(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Sample {
        whole: i64,
        count: u8,
        is_so: bool,
        text: String,
        name: Name,
        maybe: Option<String>,
        #[serde(default)]
        later: u32,
        triple: [String; 3],
        pairs: Vec<(u32, String)>,
        map: BTreeMap<String, String>,
        kinds: Vec<Kind>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Name(String);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Plain,
        Holds(String),
        Both(u8, u8),
        Named { at: i64 },
    }

    fn sample() -> Sample {
        Sample {
            whole: -9_007_199_254_740_993,
            count: 255,
            is_so: true,
            text: "\"quoted\"\n\u{202e}ä".to_owned(),
            name: Name("x".to_owned()),
            maybe: None,
            later: 7,
            triple: ["a", "b", "c"].map(str::to_owned),
            pairs: vec![(1, "one".to_owned())],
            map: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            kinds: vec![Kind::Plain, Kind::Holds("h".to_owned()), Kind::Both(1, 2), Kind::Named { at: 3 }],
        }
    }

    fn tree() -> Value {
        serde_json::to_value(sample()).expect("a tree")
    }

    #[test]
    fn reads_what_serde_json_writes() {
        let text = serde_json::to_vec(&sample()).expect("a text");
        assert_eq!(read(&text), Ok(sample()));
        let some = Sample { maybe: Some(String::new()), ..sample() };
        assert_eq!(read(&serde_json::to_vec(&some).expect("a text")), Ok(some));
    }

    #[test]
    fn ignores_fields_that_it_does_not_know_and_fills_defaults() {
        let mut tree = tree();
        tree["later-still"] = serde_json::json!({ "deep": [1, { "er": null }] });
        tree.as_object_mut().expect("an object").remove("later");
        tree.as_object_mut().expect("an object").remove("maybe");
        assert_eq!(take(&tree), Ok(Sample { later: 0, ..sample() }));
    }

    #[test]
    fn tells_the_field_that_is_missing() {
        let mut tree = tree();
        tree.as_object_mut().expect("an object").remove("whole");
        assert_eq!(take::<Sample>(&tree), Err(Unreadable("whole")));
    }

    #[test]
    fn refuses_every_other_form() {
        let others = [
            ("whole", serde_json::json!(1.5)),
            ("whole", serde_json::json!(u64::MAX)),
            ("count", serde_json::json!(256)),
            ("count", serde_json::json!(-1)),
            ("is-so", serde_json::json!(1)),
            ("text", serde_json::json!(null)),
            ("name", serde_json::json!(["x"])),
            ("maybe", serde_json::json!(3)),
            ("triple", serde_json::json!(["a", "b"])),
            ("triple", serde_json::json!(["a", "b", "c", "d"])),
            ("pairs", serde_json::json!({ "1": "one" })),
            ("map", serde_json::json!(["k", "v"])),
            ("kinds", serde_json::json!(["unheard-of"])),
            ("kinds", serde_json::json!(["holds"])),
            ("kinds", serde_json::json!([{ "plain": 1 }])),
            ("kinds", serde_json::json!([{ "holds": "h", "plain": null }])),
            ("kinds", serde_json::json!([{ "both": [1] }])),
            ("kinds", serde_json::json!([3])),
        ];
        for (field, form) in others {
            let mut tree = tree();
            tree[field] = form.clone();
            assert!(take::<Sample>(&tree).is_err(), "{field}: {form}");
        }
        assert!(read::<Sample>(b"[-1, 255, true]").is_err(), "a struct comes as an object");
        assert_eq!(read::<Sample>(b"{"), Err(Unreadable("JSON")));
    }
}
