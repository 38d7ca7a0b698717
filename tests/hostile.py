"""Strings that would like to be more than text: for every place where a page shows what somebody else has written."""

from __future__ import annotations

__all__ = ["HOSTILE"]

_HIT = "window.hit=1"
_TAGS = (
    "<script>{}</script>", "<script src=//x.example/a.js></script>", "<img src=x onerror={}>", "<svg onload={}>",
    "<body onload={}>", "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>", "<iframe src=javascript:{}>",
    "<object data=javascript:{}>", "<embed src=javascript:{}>", "<details open ontoggle={}>x</details>",
    "<video><source onerror={}></video>", "<audio src=x onerror={}>", "<input autofocus onfocus={}>",
    "<a href=javascript:{}>x</a>", "<form action=javascript:{}><button>x</button></form>", "<math><mi xlink:href=x>",
    "<svg><script>{}</script></svg>", "<svg><animate onbegin={} attributeName=x>", "<marquee onstart={}>",
    "<style>*{{display:none}}</style>", "<link rel=stylesheet href=//x.example/a.css>", "<base href=//x.example/>",
    "<meta http-equiv=refresh content='0;url=//x.example'>", "<template><script>{}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={}>'>",
    "<textarea></textarea><script>{}</script>",
    "<title></title><script>{}</script>", "<!--><script>{}</script-->", "<![CDATA[<script>{}</script>]]>",
    "<x onclick={}>press</x>", "<select><option><script>{}</script></option></select>",
    "<xmp><script>{}</script></xmp>",
)  # fmt: skip
_BREAKS = (
    '"><script>{}</script>', "'><script>{}</script>", "</script><script>{}</script>",
    "</code></pre><script>{}</script>",
    "</title><script>{}</script>", '" onmouseover="{}', "' onmouseover='{}", "` onmouseover=`{}",
    '" autofocus onfocus="{}" x="', "--><script>{}</script>", "]]><script>{}</script>",
    '\\"><script>{}</script>',
    "</textarea><img src=x onerror={}>", "</style><script>{}</script>", "'-{}-'",
    '";{};//', "\\u003cscript>{}</script>",
)  # fmt: skip
_OTHERS = (
    "{{7*7}}", "${7*7}", "{% raw %}x", "#{7*7}", "<%= 7*7 %>", "{@html x}", "{{constructor.constructor('hit=1')()}}",
    "&lt;script&gt;hit=1&lt;/script&gt;", "&#60;script&#62;hit=1&#60;/script&#62;", "%3Cscript%3Ehit=1%3C/script%3E",
    "javascript:window.hit=1", "data:text/html,<script>hit=1</script>", "[x](javascript:window.hit=1)",
    "![x](https://x.example/a.png)", "`rm -rf`; $(id)", "=cmd|'/c calc'!A1", "'; drop table keys; --",
    "\u202egnp.exe", "a\u0301\u0323\u0330 zalgo", "\u2066isolated\u2069", "x" * 150,
)  # fmt: skip

HOSTILE = tuple(one.format(_HIT) for one in (*_TAGS, *_BREAKS)) + _OTHERS
"""Each is one line; none may ever set ``window.hit``, ask another host for anything, or be lost."""
