//! A merchant's words, made safe to be shown: plain, of bounded length, without characters that deceive.

/// More lines push the price out of sight.
const MOST_LINES: usize = 40;
/// More characters are not read by anybody.
const MOST_CHARS: usize = 2_000;
/// No script of ours needs more marks over one letter; piles of them paint over what stands around.
const MOST_MARKS: usize = 3;

/// The words as they are shown, and whether that is not what was sent.
pub fn plain(words: &str) -> (String, bool) {
    let mut shown = String::new();
    let (mut marks, mut lines) = (0, 1);
    for character in words.chars().filter(|c| !deceives(*c)).take(MOST_CHARS) {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        lines += usize::from(character == '\n');
        if lines > MOST_LINES {
            break;
        }
        if marks <= MOST_MARKS {
            shown.push(character);
        }
    }
    let changed = shown != words;
    (shown, changed)
}

/// Controls but line ends and tabs, what reorders text, what is not seen, and what tags.
fn deceives(character: char) -> bool {
    let control = character.is_control() && character != '\n' && character != '\t';
    control
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Marks that are drawn over or under the character before them.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}' | '\u{0610}'..='\u{061A}'
        | '\u{064B}'..='\u{065F}' | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}'
        | '\u{0F71}'..='\u{0F84}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_words_are_shown_as_they_are() {
        for words in ["1 pair \"Rocket Shoes\" at $37.50\n\tShipping $5.00", "Grüße, 你好, שלום, Tiếng Việt", ""]
        {
            assert_eq!(plain(words), (words.to_owned(), false));
        }
    }

    #[test]
    fn what_reorders_or_hides_is_taken_out() {
        assert_eq!(plain("pay \u{202E}05.24$\u{202C} now\u{200B}\u{0007}"), ("pay 05.24$ now".to_owned(), true));
    }

    #[test]
    fn two_thousand_marks_are_three() {
        let (shown, changed) = plain(&format!("Z{}!", "\u{0335}".repeat(1_900)));
        assert_eq!((shown.chars().count(), changed), (5, true));
    }

    #[test]
    fn length_and_lines_are_bounded() {
        assert_eq!(plain(&"a".repeat(9_000)).0.len(), MOST_CHARS);
        assert_eq!(plain(&"a\n".repeat(300)).0.lines().count(), MOST_LINES);
    }
}
