//! Fixed words of this dialect: read in any case, written in one.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
        pub enum $name {
            $(#[serde(rename = $word)] $variant),+
        }

        #[allow(dead_code)]
        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// As it is written.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let given = <String as serde::Deserialize>::deserialize(deserializer)?;
                let known = $name::ALL.iter().find(|one| one.word().eq_ignore_ascii_case(&given));
                known.copied().ok_or_else(|| {
                    serde::de::Error::custom(concat!("must be one of" $(, " ", $word)+))
                })
            }
        }
    )*};
}

pub(in crate::api::supervisor) use words;

#[cfg(test)]
mod tests {
    words! { Fruit { Apple = "apple", BlackBerry = "black_berry" } }

    #[test]
    fn a_word_is_read_in_any_case_and_written_in_its_own() {
        let read: Fruit = serde_json::from_str(r#""Black_BERRY""#).expect("known");
        assert_eq!(read, Fruit::BlackBerry);
        assert_eq!(serde_json::to_string(&read).expect("written"), r#""black_berry""#);
        let wrong = serde_json::from_str::<Fruit>(r#""pear""#).expect_err("unknown");
        assert!(wrong.to_string().starts_with("must be one of apple black_berry"), "{wrong}");
        assert_eq!(Fruit::ALL.len(), 2);
    }
}
