import{G as e,H as t,I as n,K as r,L as i,O as a,P as o,W as s,_ as c,g as l,h as u,i as d,q as ee,v as te,y as f,z as ne}from"./shared.js";import"./app.js";var re={long:`Long`,very:`Very long`},ie=[`CHECKED_IN`,`READY`];function p(e,t,{now:n,thresholds:r}){let i=r.get(e.source);if(!i||!ie.includes(t))return`usual`;let a=n-e.since;return a>=i.very?`very`:a>=i.long?`long`:`usual`}var m={long:r`<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="M8 4.5V8l2.25 1.75" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />`,very:r`<path d="M8 1.5 15.25 14.5H.75Z" fill="currentColor" /><path d="M8 6v4M8 12.2v.1" stroke="var(--card-ground)" stroke-width="1.6" stroke-linecap="round" />`,pause:r`<path d="M5 3v10M11 3v10" stroke="currentColor" stroke-width="2.25" stroke-linecap="round" />`,play:r`<path d="M4.5 2.5 13 8l-8.5 5.5Z" fill="currentColor" />`,search:r`<circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="m10.5 10.5 3.5 3.5" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />`};function h(t){return e`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${m[t]}</svg>`}var ae=4,oe=5.25;function g(t,n,r,i){let a=p(t,n,i),o=`card ${a} ${i.showSource?`tall`:``} ${i.isFresh(t.key)?`fresh`:``}`;return i.links?e`<a class=${o} href=${v(t)} tabindex=${r?0:-1} data-key=${t.key}
        >${y(t,a,i)}</a
      >`:e`<div class=${o} data-key=${t.key}>${y(t,a,i)}</div>`}function _({showSource:e}){return Number.parseFloat(getComputedStyle(document.documentElement).fontSize)*(e?oe:ae)}function v(e){return`/appointment/${encodeURIComponent(e.source)}/${encodeURIComponent(e.appointmentId)}`}function y(t,n,r){let i=n===`usual`?s:e`<span class="flag">${h(n)} <span>${re[n]}</span></span>`;return e`<span class="row"
      ><span class="card-id">${t.appointmentId}</span>
      <span class="card-time">${c(r.now-t.since)}</span></span
    >
    <span class="row"><span class="card-event">${t.event?te(t.event):`Heard of`}</span> ${i}</span>
    ${r.showSource?e`<span class="card-source">${t.source}</span>`:s}`}var b=4,x=class extends t{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},untold:{attribute:!1},filtered:{attribute:!1},manner:{attribute:!1}}}#e=null;#t=64;#n=600;#r=0;#i=null;#a=0;#o=!1;#s=!1;#c=new ResizeObserver(()=>this.#u());disconnectedCallback(){super.disconnectedCallback(),this.#c.disconnect(),this.#e=null}focusCard(e=this.#a){let t=Math.min(Math.max(e,0),this.cards.length-1),n=this.cards[t];return n?(this.#i=n.key,this.#a=t,this.#s=!0,this.#d(t),this.requestUpdate(),!0):!1}willUpdate(e){e.get(`manner`)?.showSource!==this.manner.showSource&&(this.#t=_(this.manner));let t=this.#i===null?-1:this.cards.findIndex(e=>e.key===this.#i);this.#a=t>=0?t:Math.max(0,Math.min(this.#a,this.cards.length-1)),t<0&&this.#i!==null&&(this.#i=this.cards[this.#a]?.key??null)}render(){let{cards:t,place:n,manner:r}=this,i=`column-${n}`,a=Math.max(0,Math.floor(this.#r/this.#t)-b),o=Math.min(t.length,Math.ceil((this.#r+this.#n)/this.#t)+b);return e`<section class="column" data-place=${n} aria-labelledby=${i}>
      <h2 id=${i} tabindex="-1">${this.name} ${this.#l()}</h2>
      <ul
        class="cards"
        role="list"
        aria-labelledby=${i}
        .style=${`--extent:${t.length*this.#t}px`}
        @scroll=${this.#f}
        @keydown=${this.#h}
        @focusin=${this.#p}
        @focusout=${this.#m}
      >
        ${d(S(a,o,this.#a,t.length),e=>t[e]?.key,i=>e`<li
              class="slot"
              aria-setsize=${t.length}
              aria-posinset=${i+1}
              .style=${`transform:translateY(${i*this.#t}px)`}
            >
              ${g(t[i],n,i===this.#a,r)}
            </li>`)}
      </ul>
      ${this.untold>0?e`<p class="untold">${this.untold.toLocaleString(`en-US`)} more are not listed: the server tells so many of a column.</p>`:s}
    </section>`}updated(){let e=this.querySelector(`.cards`);e&&e!==this.#e&&(this.#e=e,this.#c.disconnect(),this.#c.observe(e),this.#u());let t=this.#o&&document.activeElement===document.body;e&&(t||this.#s)&&(this.#s=!1,(e.querySelector(`[tabindex="0"]`)??this.querySelector(`h2`))?.focus({preventScroll:!0}))}#l(){let t=this.count.toLocaleString(`en-US`),n=this.filtered?`${this.cards.length.toLocaleString(`en-US`)} of ${t}`:t;return e`<span class="count">${n}<span class="unseen"> appointments</span></span>`}#u(){if(!this.#e)return;let e=this.#e.clientHeight,t=_(this.manner);(e!==this.#n||t!==this.#t)&&(this.#n=e,this.#t=t,this.requestUpdate())}#d(e){if(!this.#e)return;let[t,n]=[e*this.#t,(e+1)*this.#t];t<this.#e.scrollTop?this.#e.scrollTop=t:n>this.#e.scrollTop+this.#n&&(this.#e.scrollTop=n-this.#n),this.#r=this.#e.scrollTop}#f=e=>{this.#r=e.target.scrollTop,this.requestUpdate()};#p=e=>{this.#o=!0;let t=e.target.dataset.key;t&&t!==this.#i&&(this.#i=t,this.requestUpdate())};#m=({target:e})=>{queueMicrotask(()=>{e.isConnected&&(this.#o=this.#e?.contains(document.activeElement)??!1)})};#h=e=>{if(e.altKey||e.ctrlKey||e.metaKey)return;let t=Math.max(1,Math.floor(this.#n/this.#t)-1),n={ArrowUp:-1,ArrowDown:1,PageUp:-t,PageDown:t,Home:-1e9,End:1e9}[e.key];if(n!==void 0)e.preventDefault(),this.focusCard(this.#a+n);else if(e.key===`ArrowLeft`||e.key===`ArrowRight`){e.preventDefault();let t=e.key===`ArrowLeft`?-1:1;this.dispatchEvent(new CustomEvent(`sideways`,{bubbles:!0,detail:t}))}}};function S(e,t,n,r){let i=Array.from({length:Math.max(0,t-e)},(t,n)=>e+n);return n<r&&n<e&&i.unshift(n),n<r&&n>=t&&i.push(n),i}customElements.define(`board-column`,x);var C=[1,4,8,12,24,48,72,168],w=24,se=744,ce=19;function T({searchParams:e}){let t=(e.get(`status`)??``).split(`,`),n=u.filter(e=>t.includes(e)),r=e.get(`ended`);return{source:e.get(`source`)||null,statuses:n.length>0?n:u,onlyLong:e.get(`long`)===`1`,endedWithinHours:r!==null&&/^\d{1,3}$/.test(r)&&Number(r)<=se?Number(r):w,search:O(e.get(`q`)??``),wall:e.get(`tv`)===`1`}}function E(e){let{source:t,statuses:n,onlyLong:r,endedWithinHours:i,search:a}=e;o({...t!==void 0&&{source:t},...n!==void 0&&{status:n.length===u.length?null:n.join(`,`)},...r!==void 0&&{long:r?`1`:null},...i!==void 0&&{ended:i===w?null:String(i)},...a!==void 0&&{q:O(a)||null}})}function D({onlyLong:e,search:t}){return e||t!==``}function le(e){return D(e)||e.source!==null||e.statuses.length<u.length}function ue(){E({source:null,statuses:u,onlyLong:!1,search:``})}function O(e){return e.replace(/\D/g,``).slice(0,ce)}var k=[...u,`STALE`],A=class{constructor(){this.lists=new Map(k.map(e=>[e,{cards:[],count:0}])),this.#e=new Map}#e;list(e){return this.lists.get(e)}get size(){return this.#e.size}find(e){let t=this.#e.get(e),n=t&&this.list(t).cards.find(t=>t.key===e);return t&&n?{card:n,place:t}:null}differences(e){let t=new Map;for(let[e,n]of this.lists)for(let r of n.cards)t.set(r.key,M(e,r));let n=[];for(let[r,i]of e.lists)for(let e of i.cards)t.get(e.key)!==M(r,e)&&n.push(e.key),t.delete(e.key);return[...n,...t.keys()]}replace(e){this.#e.clear();for(let t of k){let{count:n=0,cards:r=[]}=e.lists.get(t)??{},i=this.list(t);i.count=n,i.cards=[...r].sort(N);for(let e of i.cards)this.#e.set(e.key,t)}}apply(e){let t=new Set;for(let{card:n,from:r,to:i}of e){let e=this.#e.get(n.key),a=e??r;if(a!==null){let r=this.list(a);e&&this.#t(r,n.key),--r.count,t.add(a)}this.#e.delete(n.key),i!==null&&(this.#n(i,n),t.add(i))}return t}#t(e,t){let n=e.cards.findIndex(e=>e.key===t);n>=0&&e.cards.splice(n,1)}#n(e,t){let n=this.list(e),r=n.count-n.cards.length;n.count+=1;let i=P(n.cards,t);r>0&&i===n.cards.length||(n.cards.splice(i,0,t),this.#e.set(t.key,e))}};function j(e,t){return e?{card:t.card,from:e.from,to:t.to}:t}function M(e,{since:t,event:n}){return`${e} ${t} ${n}`}function N(e,t){return e.since-t.since||(e.key<t.key?-1:+(e.key>t.key))}function P(e,t){let[n,r]=[0,e.length];for(;n<r;){let i=n+r>>>1;N(e[i],t)<=0?n=i+1:r=i}return n}var F=5;function I(t,n){let r=`curl -sS ${location.origin}/webhook/ROUTE-KEY -H 'Content-Type: application/json' -d '{"appointment_id": 12345, "event_type": "create"}'`;return e`<section class="notice" aria-labelledby="empty">
    <h2 id="empty">No appointment is on the board</h2>
    <p>
      ${t.length===0?`No source is configured that you may see.`:e`No appointment of ${t.length===1?e`<code>${t[0]}</code>`:`the ${t.length} sources`} is
          open, and none has ended within ${l(n,`hour`,`hours`)}.`}
      A card appears here as soon as a webhook arrives. Send one from a shell:
    </p>
    <pre><code>${r}</code></pre>
    <p>
      <code>ROUTE-KEY</code> is one of <code>route_keys</code> of a <code>[[source]]</code> in the server's configuration; the very first
      start prints one. If a sender says that it sends, look at the answer that it gets: 404 means that it has another key.
    </p>
  </section>`}function L(t,n){return e`<section class="notice" aria-labelledby="nothing-found">
    <h2 id="nothing-found">${t?e`No card with ${t} is listed`:e`No card is left by these filters`}</h2>
    ${t?e`<p>
          It may be over for longer than the board shows.
          ${n.slice(0,F).map(n=>e` <a href=${v({source:n,appointmentId:t})}>Look for ${t} in ${n}</a>.`)}
        </p>`:s}
    <p><button type="button" @click=${ue}>Clear the filters</button></p>
  </section>`}function R(t,n,r){return e`<p class="strip lost">
    <strong>Not live.</strong> This is the board as of ${r} (${c(n-t)} ago). Nothing is lost: it
    catches up by itself once the server can be reached.
  </p>`}function z(t){return e`<p class="strip caught-up">
    Live again. ${t===0?`Nothing has changed meanwhile.`:`${l(t,`appointment has`,`appointments have`)} changed meanwhile.`}
  </p>`}function B(t,n,r,i){return e`<div class="picker narrow-only" role="group" aria-label="Column">
    ${t.map(t=>e`<button type="button" aria-pressed=${t===r} @click=${()=>i(t)}>
          ${f(t)} <span class="count">${n.list(t).count.toLocaleString(`en-US`)}</span>
        </button>`)}
  </div>`}var V=class{#e=new Map;of(e,t,n,r,i){let{onlyLong:a,search:o}=r,s=`${o} ${a?Math.floor(i.now/1e3):``}`,c=this.#e.get(e);if(c&&c.version===n&&c.filter===s&&c.source===t.cards)return c.cards;let l=a||o!==``?t.cards.filter(t=>t.appointmentId.includes(o)&&(!a||p(t,e,i)!==`usual`)):t.cards.slice();return this.#e.set(e,{source:t.cards,version:n,filter:s,cards:l}),l}};function H(t,n,r,i,a){if(n===0)return s;let o=U(i.map(({staleAfterHours:e})=>e)),c=U(i.map(({bookingHorizonDays:e})=>e)),u=o===null?`as long as is set for its source`:l(o,`hour`,`hours`),d=c===null?`as long as is set for its source`:l(c,`day`,`days`);return e`<details class="stale" ?open=${a&&t.length>0}>
    <summary>${l(n,`appointment`,`appointments`)} not heard of for long</summary>
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
        These were checked in, ready or called back, and nothing has arrived about them for ${u}; or they were scheduled, and
        nothing has arrived for ${d}. Somebody may have forgotten to discharge or remove them. Nothing is guessed.
      </p>
    </div>
  </details>`}function U(e){let[t,...n]=new Set(e);return t===void 0||n.length>0?null:t}var de=class{#e=null;begin(e){this.#e=Date.parse(e)-performance.now()}hear(e){let t=Date.parse(e)-performance.now();this.#e=this.#e===null?t:Math.max(this.#e,t)}now(){return this.#e===null?Date.now():performance.now()+this.#e}},fe=5e3,pe=100,me=`subscription Board($source: String, $endedWithinHours: Int!, $first: Int!) {
  board(source: $source, endedWithinHours: $endedWithinHours) {
    asOf
    board {
      columns { status count appointments(first: $first) { ...Card } }
      stale { count appointments(first: $first) { ...Card } }
    }
    changes { from to appointment { ...Card } }
  }
}
fragment Card on Appointment { source appointmentId status statusSince lastEvent }`;function he(e,t){let n=()=>{},r=a=>{n=i(me,{...e,first:a},{next({board:{asOf:e,board:n,changes:r}}){n&&t.whole(ge(n),e),r.length>0&&t.changed(r.map(_e),e)},failed(e){e.code===`COMPLEXITY_LIMIT_EXCEEDED`&&a>pe?r(Math.floor(a/2)):t.failed(e)}})};return r(fe),()=>n()}function ge(e){let t=({count:e,appointments:t})=>({count:e,cards:t.map(W)}),n=e.columns.map(e=>[e.status,t(e)]);return{lists:new Map([...n,[`STALE`,t(e.stale)]])}}function _e({from:e,to:t,appointment:n}){return{card:W(n),from:e,to:t}}function W(e){return{key:`${e.source}/${e.appointmentId}`,source:e.source,appointmentId:e.appointmentId,status:e.status,since:Date.parse(e.statusSince),event:e.lastEvent}}var ve=6e3,ye=500,be=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;constructor(e){this.board=new A,this.clock=new de,this.fresh=new Map,this.begun=!1,this.paused=!1,this.error=null,this.caughtUp=null,this.#t=null,this.#n=new Map,this.#r=new Set,this.#i=0,this.#a=()=>{},this.#o=null,this.#s=new Map,this.#c=!1,this.#e=e}get waiting(){return this.paused?this.#r.size:0}follow(e){this.stop(),this.begun=!1,this.error=null,this.caughtUp=null,this.#l(e)}#l(e){this.#o=e,this.#a=he(e,{whole:(e,t)=>{this.clock.begin(t),this.#t=e,this.#n.clear(),this.#r.clear();for(let t of this.board.differences(e))this.#r.add(t);this.#u()},changed:(e,t)=>{this.clock.hear(t);for(let t of e)this.#n.set(t.card.key,j(this.#n.get(t.card.key),t)),this.#r.add(t.card.key);this.#u()},failed:e=>{this.error=e,this.#e(new Set(k))}})}stop(){this.#a(),this.#a=()=>{},this.#o=null,this.#c=!1,cancelAnimationFrame(this.#i),this.#i=0,this.#m(),this.fresh.clear()}pause(){this.paused=!0}resume(){this.paused=!1,this.#d()}take(){this.#d()}#u(){this.#i===0&&(this.#i=requestAnimationFrame(()=>{this.#i=0,this.paused&&this.begun?this.#e(new Set):this.#d()}))}#d(){let e=new Set,t=this.begun?[...this.#r]:[];if(this.#t){this.board.replace(this.#t),e=new Set(k),this.begun&&!this.#c&&(this.caughtUp=t.length);for(let e of k)this.#s.set(e,this.board.list(e).cards.length);this.#c=!1,this.begun=!0}for(let t of this.board.apply(this.#n.values()))e.add(t);this.#m(),this.#p(t),this.#e(e),this.#o&&!this.#c&&this.#f()&&(this.#c=!0,this.#a(),this.#l(this.#o))}#f(){return k.some(e=>{let{cards:t,count:n}=this.board.list(e);return n>t.length&&t.length<(this.#s.get(e)??0)/2})}#p(e){let t=performance.now();for(let[e,n]of this.fresh)n<t&&this.fresh.delete(e);if(!(e.length>ye))for(let n of e)this.fresh.set(n,t+ve)}#m(){this.#t=null,this.#n.clear(),this.#r.clear()}};function xe(t){let{filters:n,open:r}=t;return e`<div class="toolbar">
    <h1>Board</h1>
    <form class="search" role="search" @submit=${e=>(e.preventDefault(),t.toFound())}>
      <label class="unseen" for="search">Search by appointment number</label>
      ${h(`search`)}<input
        id="search"
        type="search"
        inputmode="numeric"
        autocomplete="off"
        placeholder="Find number"
        .value=${n.search}
        @input=${e=>E({search:e.target.value})}
      />
    </form>
    <button type="button" class="narrow-only" aria-expanded=${r} aria-controls="filters" @click=${t.toggleOpen}>
      Filters
    </button>
    <div id="filters" class="filters" data-open=${r}>${Se(t)}</div>
    <div class="pausing">${Ce(t)}</div>
  </div>`}function Se({filters:t,sources:n}){let r=t.source!==null&&!n.includes(t.source)?[t.source,...n]:n,i=C.includes(t.endedWithinHours)?C:[...C,t.endedWithinHours].sort((e,t)=>e-t);return e`${r.length>1?e`<label class="choice"
          ><span>Source</span>
          <select @change=${e=>E({source:G(e)||null})}>
            <option value="" ?selected=${t.source===null}>All</option>
            ${r.map(n=>e`<option ?selected=${t.source===n}>${n}</option>`)}
          </select></label
        >`:s}
    <details class="menu" @keydown=${Oe} @focusout=${ke}>
      <summary>
        Columns${t.statuses.length<u.length?`: ${t.statuses.length} of ${u.length}`:``}
      </summary>
      <fieldset>
        <legend>Show these columns</legend>
        ${u.map(n=>e`<label
              ><input
                type="checkbox"
                .checked=${t.statuses.includes(n)}
                @change=${e=>we(t,n,e.target)}
              />
              ${f(n)}</label
            >`)}
      </fieldset>
    </details>
    <label class="check"
      ><input
        type="checkbox"
        .checked=${t.onlyLong}
        @change=${e=>E({onlyLong:e.target.checked})}
      />
      Only long waits</label
    >
    <label class="choice"
      ><span>Ended within</span>
      <select @change=${e=>E({endedWithinHours:Number(G(e))})}>
        ${i.map(n=>e`<option value=${n} ?selected=${t.endedWithinHours===n}>${De(n)}</option>`)}
      </select></label
    >
    <a class="wall-link" href=${Te()} title="The same board in large letters, with nothing to click">Wall display</a>
    <a href=${Ee(t)} download title="The board as a file for a spreadsheet">CSV</a>`}function Ce({paused:t,waiting:n,pause:r,resume:i,take:a}){return e`<span class="paused" role="status">${t?`Paused`:``}</span>
    ${t&&n>0?e`<button type="button" class="primary" @click=${e=>{a(),e.currentTarget.parentElement?.querySelector(`.toggle`)?.focus()}}>${n.toLocaleString(`en-US`)} new</button>`:s}
    <button type="button" class="toggle" @click=${t?i:r}>
      ${h(t?`play`:`pause`)} ${t?`Resume`:`Pause`}
    </button>`}function we(e,t,n){let r=u.filter(r=>r===t?n.checked:e.statuses.includes(r));r.length===0?n.checked=!0:E({statuses:r})}function Te(){let e=new URL(location.href);return e.searchParams.set(`tv`,`1`),e.searchParams.delete(`q`),e.pathname+e.search}function Ee({source:e,endedWithinHours:t}){return`/board.csv?${new URLSearchParams({...e!==null&&{source:e},endedWithinHours:String(t)})}`}function De(e){return e>=48&&e%24==0?`${e/24} days`:e===1?`1 hour`:`${e} hours`}function G(e){return e.target.value}function Oe(e){let t=e.currentTarget;e.key===`Escape`&&t.open&&(t.open=!1,t.querySelector(`summary`)?.focus())}function ke(e){let t=e.currentTarget;e.relatedTarget&&!t.contains(e.relatedTarget)&&(t.open=!1)}var Ae=3;function je(t,n,r,i){let a=t.length>Ae?`${t.length} sources`:t.join(`, `);return e`<header class="wall-head">
    <h1>${a||`Board`}</h1>
    ${i>0?e`<p>${i.toLocaleString(`en-US`)} not heard of for long</p>`:s}
    <clockfold-connection></clockfold-connection>
    <time datetime=${new Date(n).toISOString()}>${K(n,r)}</time>
  </header>`}function K(e,t){return Me(t).format(e)}var q=new Map;function Me(e){let t=q.get(e);return t||(t=new Intl.DateTimeFormat(`en-US`,{hour:`numeric`,minute:`2-digit`,...e&&{timeZone:e}}),q.set(e,t)),t}var J=12e3,Ne=4,Pe=class extends t{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},manner:{attribute:!1}}}#e=1e3;#t=new ResizeObserver(()=>this.#n());disconnectedCallback(){super.disconnectedCallback(),this.#t.disconnect()}firstUpdated(){let e=this.querySelector(`.cards`);e&&this.#t.observe(e)}updated(){this.#n()}render(){let{cards:t,count:n,name:r,place:i,manner:a}=this,o=`column-${i}`,c=Math.min(Ne,Math.ceil(t.length/this.#e)),l=(c>1?Math.floor(performance.now()/J)%c:0)*this.#e,u=t.slice(l,l+this.#e);return e`<section class="column" data-place=${i} aria-labelledby=${o}>
      <h2 id=${o}>${r} <span class="count">${n.toLocaleString(`en-US`)}</span></h2>
      <ul class="cards" role="list" aria-labelledby=${o}>
        ${u.map(t=>e`<li class="slot">${g(t,i,!1,a)}</li>`)}
      </ul>
      ${c>1?e`<p class="turn">${l+1}–${l+u.length} of ${n.toLocaleString(`en-US`)}</p>`:s}
    </section>`}#n(){let e=this.querySelector(`.cards`);if(!e)return;let t=Math.max(1,Math.floor(e.clientHeight/_(this.manner)));t!==this.#e&&(this.#e=t,this.requestUpdate())}};customElements.define(`wall-column`,Pe);var Fe=1e3,Ie=2e3,Le=15e3,Y=6e4,X=class extends t{static{this.properties={route:{attribute:!1}}}#e=new be(e=>this.#v(e));#t=new V;#n=new Map;#r=null;#i;#a=null;#o=!1;#s=`CHECKED_IN`;#c=null;#l=0;constructor(){super(),new ee(this,a,n)}connectedCallback(){super.connectedCallback(),this.#i=setInterval(()=>{this.#a=null,this.requestUpdate()},Fe)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#i),this.#e.stop(),this.#r=null}willUpdate(){let{source:e,endedWithinHours:t}=T(this.route.url),r=JSON.stringify([e,t]);r!==this.#r&&(this.#r=r,this.#a=null,this.#e.follow({source:e,endedWithinHours:t})),n.value.is===`live`||n.value.is===`idle`?this.#c=null:this.#e.begun&&(this.#c??={at:performance.now(),since:this.#e.clock.now()})}render(){let e=T(this.route.url),t=this.#a??=this.#_(e),n=new Map(e.statuses.map(n=>[n,this.#g(n,e,t)]));return e.wall?this.#m(e,n,t):this.#u(e,n,t)}#u(t,n,r){let{board:i,error:a}=this.#e,o=i.list(`STALE`),c=this.#g(`STALE`,t,r);return e`${xe(this.#d(t))}
      <div role="status">${this.#h()}</div>
      ${a?Re(a):e`${c.length>0&&t.search?s:this.#f(t,n)} ${this.#p(t,n,r)}
          ${H(c,o.count,r,Z(),t.search!==``)}`}`}#d(e){let{paused:t,waiting:n}=this.#e;return{filters:e,sources:Q(),paused:t,waiting:n,open:this.#o,toggleOpen:()=>this.#y(()=>this.#o=!this.#o),pause:()=>this.#y(()=>this.#e.pause()),resume:()=>this.#e.resume(),take:()=>this.#e.take(),toFound:()=>this.#x()}}#f(e,t){let{board:n,begun:r}=this.#e;return!r||[...t.values()].some(e=>e.length>0)?s:le(e)?L(e.search,e.source?[e.source]:Q()):n.size===0?I(Q(),e.endedWithinHours):s}#p({statuses:t,...n},r,i){let{board:a,begun:o}=this.#e,s=t.includes(this.#s)?this.#s:t[0],c=D({statuses:t,...n});return e`${B(t,a,s,e=>this.#y(()=>this.#s=e))}
      <div class="columns" aria-busy=${!o} @sideways=${this.#S}>
        ${t.map(t=>{let n=a.list(t);return e`<board-column
            class=${t===s?`chosen`:``}
            .place=${t}
            .name=${f(t)}
            .cards=${r.get(t)}
            .count=${n.count}
            .untold=${n.count-n.cards.length}
            .filtered=${c}
            .manner=${i}
          ></board-column>`})}
      </div>`}#m({statuses:t,source:n},r,i){let{board:a,clock:o,begun:c}=this.#e;return e`${je(n?[n]:Q(),o.now(),$(n),a.list(`STALE`).count)} ${this.#h()}
      ${c&&a.size===0?e`<p class="strip">No appointment is on the board.</p>`:s}
      <div class="columns" data-few=${t.length<=4}>
        ${t.map(t=>e`<wall-column
              .place=${t}
              .name=${f(t)}
              .cards=${r.get(t)}
              .count=${a.list(t).count}
              .manner=${i}
            ></wall-column>`)}
      </div>`}#h(){let{clock:e,caughtUp:t}=this.#e;if(this.#c){let{at:t,since:n}=this.#c;return performance.now()-t>=Ie?R(n,e.now(),K(n,$(null))):s}return t!==null&&performance.now()<this.#l?z(t):s}#g(e,t,n){return this.#t.of(e,this.#e.board.list(e),this.#n.get(e)??0,t,n)}#_({source:e,wall:t}){let{clock:n,fresh:r}=this.#e;return{now:n.now(),thresholds:ze(),showSource:e===null&&Z().length>1,links:!t,isFresh:e=>(r.get(e)??0)>performance.now()}}#v(e){for(let t of e)this.#n.set(t,(this.#n.get(t)??0)+1);this.#e.caughtUp!==null&&(this.#l=performance.now()+Le),e.size===k.length&&(this.#a=null),this.requestUpdate()}#y(e){e(),this.requestUpdate()}#b(){return[...this.querySelectorAll(`.columns > board-column`)]}#x(){this.#b().some(e=>e.cards.length>0&&e.focusCard(0))}#S=e=>{let t=this.#b();for(let n=t.indexOf(e.target)+e.detail;t[n];n+=e.detail)if(t[n]?.focusCard())return}};function Re(t){return e`<section class="notice" role="alert">
    <h2>The board can't be shown</h2>
    <p>${t.message}</p>
    <p><a href="/">Show the whole board</a></p>
  </section>`}function Z(){return a.value===null||a.value instanceof ne?[]:a.value.sources}function Q(){return Z().map(({name:e})=>e)}function ze(){return new Map(Z().map(({name:e,longWaitMinutes:t,veryLongWaitMinutes:n})=>[e,{long:t*Y,very:n*Y}]))}function $(e){let t=new Set(Z().filter(({name:t})=>e===null||t===e).map(({timeZone:e})=>e));return t.size===1?[...t][0]??null:null}customElements.define(`clockfold-board`,X);export{X as BoardPage};