import{$ as e,A as t,B as n,H as r,I as i,J as a,K as o,Q as s,U as c,X as l,Y as u,_ as d,a as f,b as p,et as m,g as h,i as ee,o as g,tt as te,v as _,x as v,y,z as b}from"./shared.js";import"./app.js";var ne={long:`Long`,very:`Very long`},re=[`CHECKED_IN`,`READY`];function x(e,t,{now:n,thresholds:r}){let i=r.get(e.source);if(!i||!re.includes(t))return`usual`;let a=n-e.since;return a>=i.very?`very`:a>=i.long?`long`:`usual`}var ie={long:m`<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="M8 4.5V8l2.25 1.75" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />`,very:m`<path d="M8 1.5 15.25 14.5H.75Z" fill="currentColor" /><path d="M8 6v4M8 12.2v.1" stroke="var(--card-ground)" stroke-width="1.6" stroke-linecap="round" />`,pause:m`<path d="M5 3v10M11 3v10" stroke="currentColor" stroke-width="2.25" stroke-linecap="round" />`,play:m`<path d="M4.5 2.5 13 8l-8.5 5.5Z" fill="currentColor" />`,search:m`<circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="m10.5 10.5 3.5 3.5" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />`};function S(t){return e`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${ie[t]}</svg>`}var ae=4,oe=.5,se=1.25,C=1.25,ce=.7,le=7.75,w=10;function T(e){return e.reduce((e,{appointmentId:t})=>Math.max(e,t.length),0)}function E(e,t,{showSource:n}){let r=Number.parseFloat(getComputedStyle(document.documentElement).fontSize),i=t>=r*(e*ce+le)?`beside-time`:e>w?`narrow two-lines`:`narrow`;return{number:i,cardPx:r*(ae+{"beside-time":0,narrow:oe,"narrow two-lines":se}[i]+(n?C:0))}}function D(t,n,r,i,{number:a}){let o=x(t,n,i),s=[o,a,i.showSource&&`with-source`,i.isFresh(t.key)&&`fresh`],c=a!==`beside-time`,l=[`card`,...s.filter(Boolean)].join(` `);return i.links?e`<a class=${l} href=${O(t)} tabindex=${r?0:-1} data-key=${t.key}
        >${k(t,o,i,c)}</a
      >`:e`<div class=${l} data-key=${t.key}>${k(t,o,i,c)}</div>`}function O(e){return l(`appointment/${encodeURIComponent(e.source)}/${encodeURIComponent(e.appointmentId)}`)}function k(t,n,r,i){let a=t.appointmentId.length>w?`long-number`:``,o=e`<span class="card-id ${a}">${t.appointmentId}</span>`,c=e`<span class="card-time">${_(r.now-t.since)}</span>`,l=e`<span class="card-event">${t.event?y(t.event):`Heard of`}</span>`,u=n===`usual`?s:e`<span class="flag">${S(n)} <span>${ne[n]}</span></span>`,d=r.showSource?e`<span class="card-source">${t.source}</span>`:s;return i?e`${o} <span class="row">${c} ${u}</span> ${l} ${d}`:e`<span class="row">${o} ${c}</span> <span class="row">${l} ${u}</span> ${d}`}var A=4,ue=class extends a{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},untold:{attribute:!1},filtered:{attribute:!1},manner:{attribute:!1}}}#e=null;#t={number:`beside-time`,cardPx:64};#n=0;#r=600;#i=0;#a=null;#o=0;#s=!1;#c=!1;#l=new ResizeObserver(()=>this.#d());disconnectedCallback(){super.disconnectedCallback(),this.#l.disconnect(),this.#e=null}focusCard(e=this.#o){let t=Math.min(Math.max(e,0),this.cards.length-1),n=this.cards[t];return n?(this.#a=n.key,this.#o=t,this.#c=!0,this.#p(t),this.requestUpdate(),!0):!1}willUpdate(e){e.has(`cards`)&&(this.#n=T(this.cards)),this.#e&&(this.#t=this.#f(this.#e));let t=this.#a===null?-1:this.cards.findIndex(e=>e.key===this.#a);this.#o=t>=0?t:Math.max(0,Math.min(this.#o,this.cards.length-1)),t<0&&this.#a!==null&&(this.#a=this.cards[this.#o]?.key??null)}render(){let{cards:t,place:n,manner:r}=this,i=`column-${n}`,a=Math.max(0,Math.floor(this.#i/this.#t.cardPx)-A),o=Math.min(t.length,Math.ceil((this.#i+this.#r)/this.#t.cardPx)+A);return e`<section class="column" data-place=${n} aria-labelledby=${i}>
      <h2 id=${i} tabindex="-1">${this.name} ${this.#u()}</h2>
      <ul
        class="cards"
        role="list"
        aria-labelledby=${i}
        aria-describedby="board-keys"
        .style=${`--extent:${t.length*this.#t.cardPx}px`}
        @scroll=${this.#m}
        @keydown=${this.#_}
        @focusin=${this.#h}
        @focusout=${this.#g}
      >
        ${ee(de(a,o,this.#o,t.length),e=>t[e]?.key,i=>e`<li
              class="slot"
              aria-setsize=${t.length}
              aria-posinset=${i+1}
              .style=${`transform:translateY(${i*this.#t.cardPx}px)`}
            >
              ${D(t[i],n,i===this.#o,r,this.#t)}
            </li>`)}
      </ul>
      ${this.untold>0?e`<p class="untold">${p(this.untold)} more are not listed: the server tells so many of a column.</p>`:s}
    </section>`}updated(){let e=this.querySelector(`.cards`);e&&e!==this.#e&&(this.#e=e,this.#l.disconnect(),this.#l.observe(e),this.#d());let t=this.#s&&document.activeElement===document.body;e&&(t||this.#c)&&(this.#c=!1,(e.querySelector(`[tabindex="0"]`)??this.querySelector(`h2`))?.focus({preventScroll:!0}))}#u(){if(this.count===null)return e`<span class="count">${`–`}<span class="unseen"> not known yet</span></span>`;let t=p(this.count),n=this.filtered?`${p(this.cards.length)} of ${t}`:t;return e`<span class="count">${n}<span class="unseen"> appointments</span></span>`}#d(){if(!this.#e)return;let e=this.#e.clientHeight,{number:t,cardPx:n}=this.#f(this.#e);(e!==this.#r||t!==this.#t.number||n!==this.#t.cardPx)&&(this.#r=e,this.requestUpdate())}#f({clientWidth:e}){return E(this.#n,e,this.manner)}#p(e){if(!this.#e)return;let[t,n]=[e*this.#t.cardPx,(e+1)*this.#t.cardPx];t<this.#e.scrollTop?this.#e.scrollTop=t:n>this.#e.scrollTop+this.#r&&(this.#e.scrollTop=n-this.#r),this.#i=this.#e.scrollTop}#m=e=>{this.#i=e.target.scrollTop,this.requestUpdate()};#h=e=>{this.#s=!0;let t=e.target.dataset.key;t&&t!==this.#a&&(this.#a=t,this.requestUpdate())};#g=({target:e})=>{queueMicrotask(()=>{e.isConnected&&(this.#s=this.#e?.contains(document.activeElement)??!1)})};#_=e=>{if(e.altKey||e.ctrlKey||e.metaKey)return;let t=Math.max(1,Math.floor(this.#r/this.#t.cardPx)-1),n={ArrowUp:-1,ArrowDown:1,PageUp:-t,PageDown:t,Home:-1e9,End:1e9}[e.key];if(n!==void 0)e.preventDefault(),this.focusCard(this.#o+n);else if(e.key===`ArrowLeft`||e.key===`ArrowRight`){e.preventDefault();let t=e.key===`ArrowLeft`?-1:1;this.dispatchEvent(new CustomEvent(`sideways`,{bubbles:!0,detail:t}))}}};function de(e,t,n,r){let i=Array.from({length:Math.max(0,t-e)},(t,n)=>e+n);return n<r&&n<e&&i.unshift(n),n<r&&n>=t&&i.push(n),i}customElements.define(`board-column`,ue);var j=[1,4,8,12,24,48,72,168],M=24,fe=744,pe=19;function N({searchParams:e}){let t=(e.get(`status`)??``).split(`,`),n=h.filter(e=>t.includes(e)),r=e.get(`ended`);return{source:e.get(`source`)||null,statuses:n.length>0?n:h,onlyLong:e.get(`long`)===`1`,endedWithinHours:r!==null&&/^\d{1,3}$/.test(r)&&Number(r)<=fe?Number(r):M,search:I(e.get(`q`)??``),wall:e.get(`tv`)===`1`}}function P(e){let{source:t,statuses:n,onlyLong:r,endedWithinHours:a,search:o}=e;i({...t!==void 0&&{source:t},...n!==void 0&&{status:n.length===h.length?null:n.join(`,`)},...r!==void 0&&{long:r?`1`:null},...a!==void 0&&{ended:a===M?null:String(a)},...o!==void 0&&{q:I(o)||null}})}function F({onlyLong:e,search:t}){return e||t!==``}function me(e){return F(e)||e.source!==null||e.statuses.length<h.length}function he(){P({source:null,statuses:h,onlyLong:!1,search:``})}function I(e){return e.replace(/\D/g,``).slice(0,pe)}var L=[...h,`STALE`],R=class{constructor(){this.lists=new Map(L.map(e=>[e,{cards:[],count:0}])),this.#e=new Map}#e;list(e){return this.lists.get(e)}get size(){return this.#e.size}find(e){let t=this.#e.get(e),n=t&&this.list(t).cards.find(t=>t.key===e);return t&&n?{card:n,place:t}:null}differences(e){let t=new Map;for(let[e,n]of this.lists)for(let r of n.cards)t.set(r.key,z(e,r));let n=[];for(let[r,i]of e.lists)for(let e of i.cards)t.get(e.key)!==z(r,e)&&n.push(e.key),t.delete(e.key);return[...n,...t.keys()]}replace(e){this.#e.clear();for(let t of L){let{count:n=0,cards:r=[]}=e.lists.get(t)??{},i=this.list(t);i.count=n,i.cards=[...r].sort(B);for(let e of i.cards)this.#e.set(e.key,t)}}apply(e){let t=new Set;for(let{card:n,from:r,to:i}of e){let e=this.#e.get(n.key),a=e??r;if(a!==null){let r=this.list(a);e&&this.#t(r,n.key),--r.count,t.add(a)}this.#e.delete(n.key),i!==null&&(this.#n(i,n),t.add(i))}return t}#t(e,t){let n=e.cards.findIndex(e=>e.key===t);n>=0&&e.cards.splice(n,1)}#n(e,t){let n=this.list(e),r=n.count-n.cards.length;n.count+=1;let i=_e(n.cards,t);r>0&&i===n.cards.length||(n.cards.splice(i,0,t),this.#e.set(t.key,e))}};function ge(e,t){return e?{card:t.card,from:e.from,to:t.to}:t}function z(e,{since:t,event:n}){return`${e} ${t} ${n}`}function B(e,t){return e.since-t.since||(e.key<t.key?-1:+(e.key>t.key))}function _e(e,t){let[n,r]=[0,e.length];for(;n<r;){let i=n+r>>>1;B(e[i],t)<=0?n=i+1:r=i}return n}var ve=5;function ye(t,n){let r=`curl -sS ${u.href}webhook/ROUTE-KEY -H 'Content-Type: application/json' -d '{"appointment_id": 12345, "event_type": "create"}'`;return e`<section class="notice" aria-labelledby="empty">
    <h2 id="empty">No appointment is on the board</h2>
    <p>
      ${t.length===0?`No source is configured that you may see.`:e`No appointment of ${t.length===1?e`<code>${t[0]}</code>`:`the ${t.length} sources`} is
          open, and none has ended within ${d(n,`hour`,`hours`)}.`}
      A card appears here as soon as a webhook arrives. Send one from a shell:
    </p>
    <pre><code>${r}</code></pre>
    <p>
      <code>ROUTE-KEY</code> is one of <code>route_keys</code> of a <code>[[source]]</code> in the server's configuration; the very first
      start prints one. If a sender says that it sends, look at the answer that it gets: 404 means that it has another key.
    </p>
  </section>`}function be(t,n){return e`<section class="notice" aria-labelledby="nothing-found">
    <h2 id="nothing-found">${t?e`No card with ${t} is listed`:e`No card is left by these filters`}</h2>
    ${t?e`<p>
          It may be over for longer than the board shows.
          ${n.slice(0,ve).map(n=>e` <a href=${O({source:n,appointmentId:t})}>Look for ${t} in ${n}</a>.`)}
        </p>`:s}
    <p><button type="button" @click=${he}>Clear the filters</button></p>
  </section>`}function xe(t,n,r,i){return e`<p class="strip lost">
    <strong>Not live.</strong> ${i?`The server says: `:s}${i?g(`${i} `):s}This is the board as of ${r}<span aria-hidden="true"> (${_(n-t)} ago)</span>. Nothing is lost: it
    catches up by itself once the server can be reached.
  </p>`}function V(t){return e`<p class="strip lost"><strong>Not live.</strong> The server says: ${g(t)} The board is asked for again by itself.</p>`}function Se(t){return e`<p class="strip lost">
    <strong>The server refuses this page's WebSocket.</strong> It says: ${g(t)} Until then the board moves by an event stream.
  </p>`}function Ce(t){return e`<p class="strip caught-up">
    Live again. ${t===0?`Nothing has changed meanwhile.`:`${d(t,`appointment has`,`appointments have`)} changed meanwhile.`}
  </p>`}function we(t,n,r,i,a){return e`<div class="picker narrow-only" role="group" aria-label="Column">
    ${t.map(t=>e`<button type="button" aria-pressed=${t===i} @click=${()=>a(t)}>
          ${v(t)} <span class="count">${r?p(n.list(t).count):`–`}</span>
        </button>`)}
  </div>`}var Te=class{#e=new Map;of(e,t,n,r,i){let{onlyLong:a,search:o}=r,s=`${o} ${a?Math.floor(i.now/1e3):``}`,c=this.#e.get(e);if(c&&c.version===n&&c.filter===s&&c.source===t.cards)return c.cards;let l=a||o!==``?t.cards.filter(t=>t.appointmentId.includes(o)&&(!a||x(t,e,i)!==`usual`)):t.cards.slice();return this.#e.set(e,{source:t.cards,version:n,filter:s,cards:l}),l}};function Ee(t,n,r,i,a){if(n===0)return s;let o=H(i.map(({staleAfterHours:e})=>e)),c=H(i.map(({bookingHorizonDays:e})=>e)),l=o===null?`as long as is set for its source`:d(o,`hour`,`hours`),u=c===null?`as long as is set for its source`:d(c,`day`,`days`);return e`<details class="stale" ?open=${a&&t.length>0}>
    <summary>${d(n,`appointment`,`appointments`)} not heard of for long</summary>
    <div>
      <board-column
        .place=${`STALE`}
        .name=${`Not heard of for long`}
        .cards=${t}
        .count=${n}
        .untold=${0}
        .filtered=${t.length<n}
        .manner=${r}
      ></board-column>
      <p>
        These were checked in, ready or called back, and nothing has arrived about them for ${l}; or they were scheduled, and
        nothing has arrived for ${u}. Somebody may have forgotten to discharge or remove them. Nothing is guessed.
      </p>
    </div>
  </details>`}function H(e){let[t,...n]=new Set(e);return t===void 0||n.length>0?null:t}var De=5e3,Oe=100,U=`subscription Board($source: String, $endedWithinHours: Int!, $first: Int!) {
  board(source: $source, endedWithinHours: $endedWithinHours) {
    asOf
    board {
      columns { status count appointments(first: $first) { ...Card } }
      stale { count appointments(first: $first) { ...Card } }
    }
    changes { from to appointment { ...Card } }
  }
}
fragment Card on Appointment { source appointmentId status statusSince lastEvent }`;function ke(e,t){let r=()=>{},i,a=o=>{r=n(U,{...e,first:o},{next({board:{asOf:e,board:n,changes:r}}){n&&t.whole(Ae(n),e),r.length>0&&t.changed(r.map(je),e)},failed(e){if(e.code===`COMPLEXITY_LIMIT_EXCEEDED`&&o>Oe)return a(Math.floor(o/2));e.passes&&(i=setTimeout(()=>a(o),f(0))),t.failed(e)}})};return a(De),()=>{clearTimeout(i),r()}}function Ae(e){let t=({count:e,appointments:t})=>({count:e,cards:t.map(W)}),n=e.columns.map(e=>[e.status,t(e)]);return{lists:new Map([...n,[`STALE`,t(e.stale)]])}}function je({from:e,to:t,appointment:n}){return{card:W(n),from:e,to:t}}function W(e){return{key:`${e.source}/${e.appointmentId}`,source:e.source,appointmentId:e.appointmentId,status:e.status,since:Date.parse(e.statusSince),event:e.lastEvent}}var Me=6e3,Ne=500,Pe=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;constructor(e){this.board=new R,this.clock=new o,this.fresh=new Map,this.begun=!1,this.paused=!1,this.error=null,this.caughtUp=null,this.#t=null,this.#n=new Map,this.#r=new Set,this.#i=0,this.#a=()=>{},this.#o=null,this.#s=new Map,this.#c=!1,this.#e=e}get waiting(){return this.paused?this.#r.size:0}follow(e){this.stop(),this.begun=!1,this.error=null,this.caughtUp=null,this.#l(e)}#l(e){this.#o=e,this.#a=ke(e,{whole:(e,t)=>{this.error=null,this.clock.begin(t),this.#t=e,this.#n.clear(),this.#r.clear();for(let t of this.board.differences(e))this.#r.add(t);this.#u()},changed:(e,t)=>{this.clock.hear(t);for(let t of e)this.#n.set(t.card.key,ge(this.#n.get(t.card.key),t)),this.#r.add(t.card.key);this.#u()},failed:e=>{this.error=e,this.#e(new Set(L))}})}stop(){this.#a(),this.#a=()=>{},this.#o=null,this.#c=!1,cancelAnimationFrame(this.#i),this.#i=0,this.#m(),this.fresh.clear()}pause(){this.paused=!0}resume(){this.paused=!1,this.#d()}take(){this.#d()}#u(){this.#i===0&&(this.#i=requestAnimationFrame(()=>{this.#i=0,this.paused&&this.begun?this.#e(new Set):this.#d()}))}#d(){let e=new Set,t=this.begun?[...this.#r]:[];if(this.#t){this.board.replace(this.#t),e=new Set(L),this.begun&&!this.#c&&(this.caughtUp=t.length);for(let e of L)this.#s.set(e,this.board.list(e).cards.length);this.#c=!1,this.begun=!0}for(let t of this.board.apply(this.#n.values()))e.add(t);this.#m(),this.#p(t),this.#e(e),this.#o&&!this.#c&&this.#f()&&(this.#c=!0,this.#a(),this.#l(this.#o))}#f(){return L.some(e=>{let{cards:t,count:n}=this.board.list(e);return n>t.length&&t.length<(this.#s.get(e)??0)/2})}#p(e){let t=performance.now();for(let[e,n]of this.fresh)n<t&&this.fresh.delete(e);if(!(e.length>Ne))for(let n of e)this.fresh.set(n,t+Me)}#m(){this.#t=null,this.#n.clear(),this.#r.clear()}};function Fe(t){let{filters:n,open:r}=t;return e`<div class="toolbar">
    <h1>Board</h1>
    <form class="search" role="search" @submit=${e=>(e.preventDefault(),t.toFound())}>
      <label class="unseen" for="search">Search by appointment number</label>
      ${S(`search`)}<input
        id="search"
        type="search"
        inputmode="numeric"
        autocomplete="off"
        placeholder="Find number"
        .value=${n.search}
        @input=${e=>P({search:e.target.value})}
      />
    </form>
    <button type="button" class="narrow-only" aria-expanded=${r} aria-controls="filters" @click=${t.toggleOpen}>
      Filters
    </button>
    <div id="filters" class="filters" data-open=${r}>${Ie(t)}</div>
    <div class="pausing">${Le(t)}</div>
  </div>`}function Ie({filters:t,sources:n}){let r=t.source!==null&&!n.includes(t.source)?[t.source,...n]:n,i=j.includes(t.endedWithinHours)?j:[...j,t.endedWithinHours].sort((e,t)=>e-t);return e`${r.length>1?e`<label class="choice"
          ><span>Source</span>
          <select @change=${e=>P({source:G(e)||null})}>
            <option value="" ?selected=${t.source===null}>All</option>
            ${r.map(n=>e`<option ?selected=${t.source===n}>${n}</option>`)}
          </select></label
        >`:s}
    <details class="menu" @keydown=${He} @focusout=${Ue}>
      <summary>
        Columns${t.statuses.length<h.length?`: ${t.statuses.length} of ${h.length}`:``}
      </summary>
      <fieldset>
        <legend>Show these columns</legend>
        ${h.map(n=>e`<label
              ><input
                type="checkbox"
                .checked=${t.statuses.includes(n)}
                @change=${e=>Re(t,n,e.target)}
              />
              ${v(n)}</label
            >`)}
      </fieldset>
    </details>
    <label class="check"
      ><input
        type="checkbox"
        .checked=${t.onlyLong}
        @change=${e=>P({onlyLong:e.target.checked})}
      />
      Only long waits</label
    >
    <label class="choice"
      ><span>Ended within</span>
      <select @change=${e=>P({endedWithinHours:Number(G(e))})}>
        ${i.map(n=>e`<option value=${n} ?selected=${t.endedWithinHours===n}>${Ve(n)}</option>`)}
      </select></label
    >
    <a class="wall-link" href=${ze()} title="The same board in large letters, with nothing to click">Wall display</a>
    <a href=${Be(t)} download title="The board as a file for a spreadsheet">CSV</a>`}function Le({paused:t,waiting:n,pause:r,resume:i,take:a}){return e`<span class="paused" role="status">${t?`Paused`:``}</span>
    ${t&&n>0?e`<button type="button" class="primary" @click=${e=>{a(),e.currentTarget.parentElement?.querySelector(`.toggle`)?.focus()}}>${n.toLocaleString(`en-US`)} new</button>`:s}
    <button type="button" class="toggle" @click=${t?i:r}>
      ${S(t?`play`:`pause`)} ${t?`Resume`:`Pause`}
    </button>`}function Re(e,t,n){let r=h.filter(r=>r===t?n.checked:e.statuses.includes(r));r.length===0?n.checked=!0:P({statuses:r})}function ze(){let e=new URL(location.href);return e.searchParams.set(`tv`,`1`),e.searchParams.delete(`q`),e.pathname+e.search}function Be({source:e,endedWithinHours:t}){let n=new URLSearchParams({...e!==null&&{source:e},endedWithinHours:String(t)});return l(`board.csv?${n}`)}function Ve(e){return e>=48&&e%24==0?`${e/24} days`:e===1?`1 hour`:`${e} hours`}function G(e){return e.target.value}function He(e){let t=e.currentTarget;e.key===`Escape`&&t.open&&(t.open=!1,t.querySelector(`summary`)?.focus())}function Ue(e){let t=e.currentTarget;e.relatedTarget&&!t.contains(e.relatedTarget)&&(t.open=!1)}var We=3;function Ge(t,n,r,i,a){let o=t.length>We?`${t.length} sources`:t.join(`, `);return e`<header class="wall-head">
    <h1>${o||`Board`}</h1>
    ${i>0?e`<p>${i.toLocaleString(`en-US`)} not heard of for long</p>`:s}
    ${a?e`<p>${a}</p>`:s}
    <clockfold-connection></clockfold-connection>
    <time datetime=${new Date(n).toISOString()}>${K(n,r)}</time>
  </header>`}function K(e,t){return Ke(t).format(e)}var q=new Map;function Ke(e){let t=q.get(e);return t||(t=new Intl.DateTimeFormat(`en-US`,{hour:`numeric`,minute:`2-digit`,...e&&{timeZone:e}}),q.set(e,t)),t}var J=12e3,qe=10.25,Je=1.25;function Ye(e){let t=Number.parseFloat(getComputedStyle(document.documentElement).fontSize),n=Math.max(1,Math.floor((innerWidth/t-Je)/qe)),r=Math.ceil(e.length/n),i=Math.ceil(e.length/r),a=Math.floor(performance.now()/J)%r*i;return{from:a,shown:e.slice(a,a+i),turns:r}}var Xe=4,Ze=class extends a{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},manner:{attribute:!1},pageMs:{attribute:!1}}}#e=1e3;#t={number:`beside-time`,cardPx:64};#n=new ResizeObserver(()=>this.#r());disconnectedCallback(){super.disconnectedCallback(),this.#n.disconnect()}firstUpdated(){let e=this.querySelector(`.cards`);e&&this.#n.observe(e)}updated(){this.#r()}render(){let{cards:t,count:n,name:r,place:i,manner:a}=this,o=`column-${i}`,c=Math.min(Xe,Math.ceil(t.length/this.#e)),l=(c>1?Math.floor(performance.now()/this.pageMs)%c:0)*this.#e,u=t.slice(l,l+this.#e);return e`<section class="column" data-place=${i} aria-labelledby=${o}>
      <h2 id=${o}>${r} <span class="count">${n===null?`–`:p(n)}</span></h2>
      <ul class="cards" role="list" aria-labelledby=${o}>
        ${u.map(t=>e`<li class="slot">${D(t,i,!1,a,this.#t)}</li>`)}
      </ul>
      ${c>1?e`<p class="turn">${l+1}–${l+u.length} of ${p(n??t.length)}</p>`:s}
    </section>`}#r(){let e=this.querySelector(`.cards`);if(!e)return;let t=E(T(this.cards),e.clientWidth,this.manner),n=Math.max(1,Math.floor(e.clientHeight/t.cardPx));(n!==this.#e||t.number!==this.#t.number)&&(this.#e=n,this.#t=t,this.requestUpdate())}};customElements.define(`wall-column`,Ze);var Qe=1e3,$e=2e3,et=15e3,Y=6e4,X=class extends a{static{this.properties={route:{attribute:!1}}}#e=new Pe(e=>this.#v(e));#t=new Te;#n=new Map;#r=null;#i;#a=null;#o=!1;#s=`CHECKED_IN`;#c=null;#l=0;constructor(){super(),new te(this,t,b,r)}connectedCallback(){super.connectedCallback(),this.#i=setInterval(()=>{this.#a=null,this.requestUpdate()},Qe)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#i),this.#e.stop(),this.#r=null}willUpdate(){let{source:e,endedWithinHours:t}=N(this.route.url),n=JSON.stringify([e,t]);n!==this.#r&&(this.#r=n,this.#a=null,this.#e.follow({source:e,endedWithinHours:t})),b.value.is===`live`||b.value.is===`idle`?this.#c=null:this.#e.begun&&(this.#c??={at:performance.now(),since:this.#e.clock.now()})}render(){let e=N(this.route.url),t=this.#a??=this.#_(e),n=new Map(e.statuses.map(n=>[n,this.#g(n,e,t)]));return e.wall?this.#m(e,n,t):this.#u(e,n,t)}#u(t,n,r){let{board:i,error:a}=this.#e,o=i.list(`STALE`),c=this.#g(`STALE`,t,r);return e`${Fe(this.#d(t))}
      <div role="status">${this.#h()}</div>
      ${a&&!a.passes?tt(a):e`${c.length>0&&t.search?s:this.#f(t,n)} ${this.#p(t,n,r)}
          ${Ee(c,o.count,r,Z(),t.search!==``)}`}`}#d(e){let{paused:t,waiting:n}=this.#e;return{filters:e,sources:Q(),paused:t,waiting:n,open:this.#o,toggleOpen:()=>this.#y(()=>this.#o=!this.#o),pause:()=>this.#y(()=>this.#e.pause()),resume:()=>this.#e.resume(),take:()=>this.#e.take(),toFound:()=>this.#x()}}#f(e,t){let{board:n,begun:r}=this.#e;return!r||[...t.values()].some(e=>e.length>0)?s:me(e)?be(e.search,e.source?[e.source]:Q()):n.size===0?ye(Q(),e.endedWithinHours):s}#p({statuses:t,...n},r,i){let{board:a,begun:o}=this.#e,s=t.includes(this.#s)?this.#s:t[0],c=F({statuses:t,...n});return e`${we(t,a,o,s,e=>this.#y(()=>this.#s=e))}
      <p id="board-keys" class="unseen">Up and down arrows go from card to card, left and right arrows to the next column.</p>
      <div class="columns" aria-busy=${!o} @sideways=${this.#S}>
        ${t.map(t=>{let n=a.list(t);return e`<board-column
            class=${t===s?`chosen`:``}
            .place=${t}
            .name=${v(t)}
            .cards=${r.get(t)}
            .count=${o?n.count:null}
            .untold=${n.count-n.cards.length}
            .filtered=${c}
            .manner=${i}
          ></board-column>`})}
      </div>`}#m({statuses:t,source:n},r,i){let{board:a,clock:o,begun:c}=this.#e,{from:l,shown:u,turns:d}=Ye(t),f=u.length===1?`Column ${l+1}`:`Columns ${l+1}–${l+u.length}`,p=d>1?`${f} of ${t.length}`:null;return e`${Ge(n?[n]:Q(),o.now(),$(n),a.list(`STALE`).count,p)} ${this.#h()}
      ${c&&a.size===0?e`<p class="strip">No appointment is on the board.</p>`:s}
      <div class="columns" data-few=${t.length<=4}>
        ${u.map(t=>e`<wall-column
              .place=${t}
              .name=${v(t)}
              .cards=${r.get(t)}
              .count=${c?a.list(t).count:null}
              .manner=${i}
              .pageMs=${J*d}
            ></wall-column>`)}
      </div>`}#h(){let{clock:e,caughtUp:t,error:n}=this.#e;if(n?.passes)return V(n.message);let i=b.value.is===`waiting`?b.value.why:null;if(this.#c){let{at:t,since:n}=this.#c;return performance.now()-t>=$e?xe(n,e.now(),K(n,$(null)),i):s}return i?V(i):r.value?Se(r.value):t!==null&&performance.now()<this.#l?Ce(t):s}#g(e,t,n){return this.#t.of(e,this.#e.board.list(e),this.#n.get(e)??0,t,n)}#_({source:e,wall:t}){let{clock:n,fresh:r}=this.#e;return{now:n.now(),thresholds:nt(),showSource:e===null&&Z().length>1,links:!t,isFresh:e=>(r.get(e)??0)>performance.now()}}#v(e){for(let t of e)this.#n.set(t,(this.#n.get(t)??0)+1);this.#e.caughtUp!==null&&(this.#l=performance.now()+et),e.size===L.length&&(this.#a=null),this.requestUpdate()}#y(e){e(),this.requestUpdate()}#b(){return[...this.querySelectorAll(`.columns > board-column`)]}#x(){this.#b().some(e=>e.cards.length>0&&e.focusCard(0))}#S=e=>{let t=this.#b();for(let n=t.indexOf(e.target)+e.detail;t[n];n+=e.detail)if(t[n]?.focusCard())return}};function tt(t){return e`<section class="notice" role="alert">
    <h2>The board can't be shown</h2>
    <p>${t.message}</p>
    <p><a href=${l(``)}>Show the whole board</a></p>
  </section>`}function Z(){return t.value===null||t.value instanceof c?[]:t.value.sources}function Q(){return Z().map(({name:e})=>e)}function nt(){return new Map(Z().map(({name:e,longWaitMinutes:t,veryLongWaitMinutes:n})=>[e,{long:t*Y,very:n*Y}]))}function $(e){let t=new Set(Z().filter(({name:t})=>e===null||t===e).map(({timeZone:e})=>e));return t.size===1?[...t][0]??null:null}customElements.define(`clockfold-board`,X);export{X as BoardPage};