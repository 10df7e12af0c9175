/** Prepares text for a figure: it breaks it into lines that fit, and makes it safe for Plotly, which reads a few HTML tags. */

/** Breaks a text between words into lines of at most so many characters; a longer word has a line of its own. */
export function wrapLines(text: string, characters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= characters) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Escapes a text so that Plotly shows it as it stands. */
export function plotlyText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
