//! A page of Markdown as blocks between fences, and the text around them.

pub(crate) struct Page {
    /// The text before each block, and after the last.
    around: Vec<String>,
    pub(crate) blocks: Vec<Block>,
}

/// A fenced block.
pub(crate) struct Block {
    /// What stands behind the opening fence.
    pub(crate) language: String,
    /// The lines, each with its end.
    pub(crate) text: String,
}

const FENCE: &str = "```";

impl Page {
    pub(crate) fn read(text: &str) -> Self {
        let mut page = Self { around: vec![String::new()], blocks: Vec::new() };
        let mut open = None::<Block>;
        for line in text.split_inclusive('\n') {
            match (open.take(), line.trim_end().strip_prefix(FENCE)) {
                (None, Some(language)) => open = Some(Block { language: language.to_owned(), text: String::new() }),
                (None, None) => page.around.last_mut().unwrap().push_str(line),
                (Some(block), Some(_)) => {
                    page.blocks.push(block);
                    page.around.push(String::new());
                }
                (Some(block), None) => open = Some(Block { text: block.text + line, ..block }),
            }
        }
        assert!(open.is_none(), "the last block does not end");
        page
    }

    pub(crate) fn write(&self) -> String {
        let blocks = self.blocks.iter().map(|Block { language, text }| format!("{FENCE}{language}\n{text}{FENCE}\n"));
        let blocks = blocks.chain([String::new()]);
        self.around.iter().zip(blocks).map(|(around, block)| format!("{around}{block}")).collect()
    }
}

#[test]
fn a_page_is_written_as_it_was_read() {
    let text = "# Title\n\n```yaml\na: 1\n```\n\n```text\nfine\n\n  indented\n```\nEnd.\n";
    let page = Page::read(text);
    let languages: Vec<&str> = page.blocks.iter().map(|block| block.language.as_str()).collect();
    assert_eq!(languages, ["yaml", "text"]);
    assert_eq!(page.blocks[1].text, "fine\n\n  indented\n");
    assert_eq!(page.write(), text);
}
