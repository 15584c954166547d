"""How pages look beyond what the theme can say."""

from __future__ import annotations

#: Looks that the theme has no word for. The download of Streamlit's own tables writes text as it is, and could start formulas;
#: ours (`charts.download`) do not, so that one is hidden; its name goes on with what the table shows, where it says so.
#: Lines of text end where a reader can still find the next one.
LOOKS = """<style>
[data-testid="stElementToolbar"] button[aria-label^="Download as CSV"] { display: none; }
[data-testid="stMainBlockContainer"] { padding: 1.2rem 2.2rem 2rem; }
[data-testid="stSidebarHeader"] { height: 2.4rem; margin-bottom: 0; }
[data-testid="stHeader"] { height: 1.2rem; background: transparent; }
[data-testid="stMain"] h1 { padding: 0.2rem 0 0.1rem; }
.st-key-home [data-testid="stVerticalBlock"], .st-key-home { gap: 0.45rem; }
.st-key-home .st-key-who, .st-key-home .st-key-trust { padding: 0.5rem 0.8rem; }
.st-key-home [data-testid="stButtonGroup"] button { min-height: 1.9rem; padding: 0.1rem 0.6rem; font-size: 0.86rem; }
[data-testid="stMainBlockContainer"] [data-testid="stMarkdownContainer"] p,
[data-testid="stMainBlockContainer"] [data-testid="stMarkdownContainer"] li { max-width: 72ch; }
[data-testid="stCaptionContainer"] a { color: inherit; text-decoration: underline dotted; }
[data-testid="stLayoutWrapper"]:has(> .st-key-page-actions) {
position: absolute; top: 1.5rem; right: 2.2rem; width: auto; z-index: 2; }
[data-testid="stLayoutWrapper"]:has(> .st-key-page-link) {
position: absolute; top: 1.5rem; right: 12rem; width: auto; z-index: 2; }
@media (max-width: 900px) {
[data-testid="stLayoutWrapper"]:has(> .st-key-page-link) { position: static; width: 100%; }
[data-testid="stLayoutWrapper"]:has(> .st-key-page-actions) { position: static; width: 100%; }
}
@media (max-width: 640px) {
[data-testid="stMainBlockContainer"] { padding: 2.6rem 1rem 2rem; }
[data-testid="stHeader"] { height: 2.6rem; }
[data-testid="stMain"] h1 { font-size: 1.45rem; }
}
</style>"""
#: On a dark screen the colour of main buttons is too light for white words.
DARK_LOOKS = '<style>button[kind^="primary"] p, button[kind^="primary"] span { color: #0f1720; }</style>'
