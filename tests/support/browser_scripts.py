"""What a browser test asks of the page it looks at, in the browser's own language, and waiting for the server."""

from __future__ import annotations

import subprocess
import time
from urllib.request import urlopen

#: The script has ended, and the browser has drawn everything that came of it.
SETTLED = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    return app && app.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED'
        && document.querySelector('[data-testid="stMain"] h1')
        && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stMain"] [data-stale="true"]');
}"""
#: By how many pixels the page is wider than the screen.
TOO_WIDE = "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth }"
#: Where on the screen the tile of a country lies.
TILE_OF = """name => {
    const map = [...document.querySelectorAll('.js-plotly-plot')].find(item => item.data[0].type === 'heatmap');
    map.scrollIntoView({block: 'center'});
    const marks = map.data[1], place = marks.customdata.findIndex(row => row[0] === name), at = map.getBoundingClientRect();
    const {xaxis, yaxis} = map._fullLayout;
    return [at.left + xaxis._offset + xaxis.d2p(marks.x[place]), at.top + yaxis._offset + yaxis.d2p(marks.y[place])];
}"""


def wait_for_server(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until it answers."""
    for _ in range(240):
        assert server.poll() is None, "the server stopped"
        try:
            with urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not answer within two minutes")
