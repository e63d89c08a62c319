import{B as e,F as t,G as n,J as r,L as i,R as a,U as o,X as s,Y as c,_ as l,a as u,b as d,g as f,i as p,k as m,q as h,v as g,y as ee}from"./shared.js";import"./app.js";var _={long:`Long`,very:`Very long`},te=[`CHECKED_IN`,`READY`];function v(e,t,{now:n,thresholds:r}){let i=r.get(e.source);if(!i||!te.includes(t))return`usual`;let a=n-e.since;return a>=i.very?`very`:a>=i.long?`long`:`usual`}var ne={long:c`<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="M8 4.5V8l2.25 1.75" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />`,very:c`<path d="M8 1.5 15.25 14.5H.75Z" fill="currentColor" /><path d="M8 6v4M8 12.2v.1" stroke="var(--card-ground)" stroke-width="1.6" stroke-linecap="round" />`,pause:c`<path d="M5 3v10M11 3v10" stroke="currentColor" stroke-width="2.25" stroke-linecap="round" />`,play:c`<path d="M4.5 2.5 13 8l-8.5 5.5Z" fill="currentColor" />`,search:c`<circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="m10.5 10.5 3.5 3.5" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />`};function y(e){return r`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${ne[e]}</svg>`}var b=4,x=.5,re=1.25,ie=1.25,ae=.7,oe=7.75,S=10;function C(e){return e.reduce((e,{appointmentId:t})=>Math.max(e,t.length),0)}function w(e,t,{showSource:n}){let r=Number.parseFloat(getComputedStyle(document.documentElement).fontSize),i=t>=r*(e*ae+oe)?`beside-time`:e>S?`narrow two-lines`:`narrow`;return{number:i,cardPx:r*(b+{"beside-time":0,narrow:x,"narrow two-lines":re}[i]+(n?ie:0))}}function T(e,t,n,i,{number:a}){let o=v(e,t,i),s=[o,a,i.showSource&&`with-source`,i.isFresh(e.key)&&`fresh`],c=a!==`beside-time`,l=[`card`,...s.filter(Boolean)].join(` `);return i.links?r`<a class=${l} href=${E(e)} tabindex=${n?0:-1} data-key=${e.key}
        >${D(e,o,i,c)}</a
      >`:r`<div class=${l} data-key=${e.key}>${D(e,o,i,c)}</div>`}function E(e){return`/appointment/${encodeURIComponent(e.source)}/${encodeURIComponent(e.appointmentId)}`}function D(e,t,n,i){let a=e.appointmentId.length>S?`long-number`:``,o=r`<span class="card-id ${a}">${e.appointmentId}</span>`,s=r`<span class="card-time">${g(n.now-e.since)}</span>`,c=r`<span class="card-event">${e.event?ee(e.event):`Heard of`}</span>`,l=t===`usual`?h:r`<span class="flag">${y(t)} <span>${_[t]}</span></span>`,u=n.showSource?r`<span class="card-source">${e.source}</span>`:h;return i?r`${o} <span class="row">${s} ${l}</span> ${c} ${u}`:r`<span class="row">${o} ${s}</span> <span class="row">${c} ${l}</span> ${u}`}var O=4,se=class extends n{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},untold:{attribute:!1},filtered:{attribute:!1},manner:{attribute:!1}}}#e=null;#t={number:`beside-time`,cardPx:64};#n=0;#r=600;#i=0;#a=null;#o=0;#s=!1;#c=!1;#l=new ResizeObserver(()=>this.#d());disconnectedCallback(){super.disconnectedCallback(),this.#l.disconnect(),this.#e=null}focusCard(e=this.#o){let t=Math.min(Math.max(e,0),this.cards.length-1),n=this.cards[t];return n?(this.#a=n.key,this.#o=t,this.#c=!0,this.#p(t),this.requestUpdate(),!0):!1}willUpdate(e){e.has(`cards`)&&(this.#n=C(this.cards)),this.#e&&(this.#t=this.#f(this.#e));let t=this.#a===null?-1:this.cards.findIndex(e=>e.key===this.#a);this.#o=t>=0?t:Math.max(0,Math.min(this.#o,this.cards.length-1)),t<0&&this.#a!==null&&(this.#a=this.cards[this.#o]?.key??null)}render(){let{cards:e,place:t,manner:n}=this,i=`column-${t}`,a=Math.max(0,Math.floor(this.#i/this.#t.cardPx)-O),o=Math.min(e.length,Math.ceil((this.#i+this.#r)/this.#t.cardPx)+O);return r`<section class="column" data-place=${t} aria-labelledby=${i}>
      <h2 id=${i} tabindex="-1">${this.name} ${this.#u()}</h2>
      <ul
        class="cards"
        role="list"
        aria-labelledby=${i}
        aria-describedby="board-keys"
        .style=${`--extent:${e.length*this.#t.cardPx}px`}
        @scroll=${this.#m}
        @keydown=${this.#_}
        @focusin=${this.#h}
        @focusout=${this.#g}
      >
        ${p(ce(a,o,this.#o,e.length),t=>e[t]?.key,i=>r`<li
              class="slot"
              aria-setsize=${e.length}
              aria-posinset=${i+1}
              .style=${`transform:translateY(${i*this.#t.cardPx}px)`}
            >
              ${T(e[i],t,i===this.#o,n,this.#t)}
            </li>`)}
      </ul>
      ${this.untold>0?r`<p class="untold">${this.untold.toLocaleString(`en-US`)} more are not listed: the server tells so many of a column.</p>`:h}
    </section>`}updated(){let e=this.querySelector(`.cards`);e&&e!==this.#e&&(this.#e=e,this.#l.disconnect(),this.#l.observe(e),this.#d());let t=this.#s&&document.activeElement===document.body;e&&(t||this.#c)&&(this.#c=!1,(e.querySelector(`[tabindex="0"]`)??this.querySelector(`h2`))?.focus({preventScroll:!0}))}#u(){let e=this.count.toLocaleString(`en-US`),t=this.filtered?`${this.cards.length.toLocaleString(`en-US`)} of ${e}`:e;return r`<span class="count">${t}<span class="unseen"> appointments</span></span>`}#d(){if(!this.#e)return;let e=this.#e.clientHeight,{number:t,cardPx:n}=this.#f(this.#e);(e!==this.#r||t!==this.#t.number||n!==this.#t.cardPx)&&(this.#r=e,this.requestUpdate())}#f({clientWidth:e}){return w(this.#n,e,this.manner)}#p(e){if(!this.#e)return;let[t,n]=[e*this.#t.cardPx,(e+1)*this.#t.cardPx];t<this.#e.scrollTop?this.#e.scrollTop=t:n>this.#e.scrollTop+this.#r&&(this.#e.scrollTop=n-this.#r),this.#i=this.#e.scrollTop}#m=e=>{this.#i=e.target.scrollTop,this.requestUpdate()};#h=e=>{this.#s=!0;let t=e.target.dataset.key;t&&t!==this.#a&&(this.#a=t,this.requestUpdate())};#g=({target:e})=>{queueMicrotask(()=>{e.isConnected&&(this.#s=this.#e?.contains(document.activeElement)??!1)})};#_=e=>{if(e.altKey||e.ctrlKey||e.metaKey)return;let t=Math.max(1,Math.floor(this.#r/this.#t.cardPx)-1),n={ArrowUp:-1,ArrowDown:1,PageUp:-t,PageDown:t,Home:-1e9,End:1e9}[e.key];if(n!==void 0)e.preventDefault(),this.focusCard(this.#o+n);else if(e.key===`ArrowLeft`||e.key===`ArrowRight`){e.preventDefault();let t=e.key===`ArrowLeft`?-1:1;this.dispatchEvent(new CustomEvent(`sideways`,{bubbles:!0,detail:t}))}}};function ce(e,t,n,r){let i=Array.from({length:Math.max(0,t-e)},(t,n)=>e+n);return n<r&&n<e&&i.unshift(n),n<r&&n>=t&&i.push(n),i}customElements.define(`board-column`,se);var k=[1,4,8,12,24,48,72,168],A=24,le=744,ue=19;function j({searchParams:e}){let t=(e.get(`status`)??``).split(`,`),n=f.filter(e=>t.includes(e)),r=e.get(`ended`);return{source:e.get(`source`)||null,statuses:n.length>0?n:f,onlyLong:e.get(`long`)===`1`,endedWithinHours:r!==null&&/^\d{1,3}$/.test(r)&&Number(r)<=le?Number(r):A,search:P(e.get(`q`)??``),wall:e.get(`tv`)===`1`}}function M(e){let{source:n,statuses:r,onlyLong:i,endedWithinHours:a,search:o}=e;t({...n!==void 0&&{source:n},...r!==void 0&&{status:r.length===f.length?null:r.join(`,`)},...i!==void 0&&{long:i?`1`:null},...a!==void 0&&{ended:a===A?null:String(a)},...o!==void 0&&{q:P(o)||null}})}function N({onlyLong:e,search:t}){return e||t!==``}function de(e){return N(e)||e.source!==null||e.statuses.length<f.length}function fe(){M({source:null,statuses:f,onlyLong:!1,search:``})}function P(e){return e.replace(/\D/g,``).slice(0,ue)}var F=[...f,`STALE`],I=class{constructor(){this.lists=new Map(F.map(e=>[e,{cards:[],count:0}])),this.#e=new Map}#e;list(e){return this.lists.get(e)}get size(){return this.#e.size}find(e){let t=this.#e.get(e),n=t&&this.list(t).cards.find(t=>t.key===e);return t&&n?{card:n,place:t}:null}differences(e){let t=new Map;for(let[e,n]of this.lists)for(let r of n.cards)t.set(r.key,R(e,r));let n=[];for(let[r,i]of e.lists)for(let e of i.cards)t.get(e.key)!==R(r,e)&&n.push(e.key),t.delete(e.key);return[...n,...t.keys()]}replace(e){this.#e.clear();for(let t of F){let{count:n=0,cards:r=[]}=e.lists.get(t)??{},i=this.list(t);i.count=n,i.cards=[...r].sort(z);for(let e of i.cards)this.#e.set(e.key,t)}}apply(e){let t=new Set;for(let{card:n,from:r,to:i}of e){let e=this.#e.get(n.key),a=e??r;if(a!==null){let r=this.list(a);e&&this.#t(r,n.key),--r.count,t.add(a)}this.#e.delete(n.key),i!==null&&(this.#n(i,n),t.add(i))}return t}#t(e,t){let n=e.cards.findIndex(e=>e.key===t);n>=0&&e.cards.splice(n,1)}#n(e,t){let n=this.list(e),r=n.count-n.cards.length;n.count+=1;let i=B(n.cards,t);r>0&&i===n.cards.length||(n.cards.splice(i,0,t),this.#e.set(t.key,e))}};function L(e,t){return e?{card:t.card,from:e.from,to:t.to}:t}function R(e,{since:t,event:n}){return`${e} ${t} ${n}`}function z(e,t){return e.since-t.since||(e.key<t.key?-1:+(e.key>t.key))}function B(e,t){let[n,r]=[0,e.length];for(;n<r;){let i=n+r>>>1;z(e[i],t)<=0?n=i+1:r=i}return n}var V=5;function pe(e,t){let n=`curl -sS ${location.origin}/webhook/ROUTE-KEY -H 'Content-Type: application/json' -d '{"appointment_id": 12345, "event_type": "create"}'`;return r`<section class="notice" aria-labelledby="empty">
    <h2 id="empty">No appointment is on the board</h2>
    <p>
      ${e.length===0?`No source is configured that you may see.`:r`No appointment of ${e.length===1?r`<code>${e[0]}</code>`:`the ${e.length} sources`} is
          open, and none has ended within ${l(t,`hour`,`hours`)}.`}
      A card appears here as soon as a webhook arrives. Send one from a shell:
    </p>
    <pre><code>${n}</code></pre>
    <p>
      <code>ROUTE-KEY</code> is one of <code>route_keys</code> of a <code>[[source]]</code> in the server's configuration; the very first
      start prints one. If a sender says that it sends, look at the answer that it gets: 404 means that it has another key.
    </p>
  </section>`}function me(e,t){return r`<section class="notice" aria-labelledby="nothing-found">
    <h2 id="nothing-found">${e?r`No card with ${e} is listed`:r`No card is left by these filters`}</h2>
    ${e?r`<p>
          It may be over for longer than the board shows.
          ${t.slice(0,V).map(t=>r` <a href=${E({source:t,appointmentId:e})}>Look for ${e} in ${t}</a>.`)}
        </p>`:h}
    <p><button type="button" @click=${fe}>Clear the filters</button></p>
  </section>`}function he(e,t,n){return r`<p class="strip lost">
    <strong>Not live.</strong> This is the board as of ${n}<span aria-hidden="true"> (${g(t-e)} ago)</span>. Nothing is lost: it
    catches up by itself once the server can be reached.
  </p>`}function ge(e){return r`<p class="strip lost"><strong>Not live.</strong> The server says: ${e} The board is asked for again by itself.</p>`}function _e(e){return r`<p class="strip caught-up">
    Live again. ${e===0?`Nothing has changed meanwhile.`:`${l(e,`appointment has`,`appointments have`)} changed meanwhile.`}
  </p>`}function ve(e,t,n,i){return r`<div class="picker narrow-only" role="group" aria-label="Column">
    ${e.map(e=>r`<button type="button" aria-pressed=${e===n} @click=${()=>i(e)}>
          ${d(e)} <span class="count">${t.list(e).count.toLocaleString(`en-US`)}</span>
        </button>`)}
  </div>`}var ye=class{#e=new Map;of(e,t,n,r,i){let{onlyLong:a,search:o}=r,s=`${o} ${a?Math.floor(i.now/1e3):``}`,c=this.#e.get(e);if(c&&c.version===n&&c.filter===s&&c.source===t.cards)return c.cards;let l=a||o!==``?t.cards.filter(t=>t.appointmentId.includes(o)&&(!a||v(t,e,i)!==`usual`)):t.cards.slice();return this.#e.set(e,{source:t.cards,version:n,filter:s,cards:l}),l}};function be(e,t,n,i,a){if(t===0)return h;let o=H(i.map(({staleAfterHours:e})=>e)),s=H(i.map(({bookingHorizonDays:e})=>e)),c=o===null?`as long as is set for its source`:l(o,`hour`,`hours`),u=s===null?`as long as is set for its source`:l(s,`day`,`days`);return r`<details class="stale" ?open=${a&&e.length>0}>
    <summary>${l(t,`appointment`,`appointments`)} not heard of for long</summary>
    <div>
      <board-column
        .place=${`STALE`}
        .name=${`Not heard of for long`}
        .cards=${e}
        .count=${t}
        .untold=${0}
        .filtered=${e.length<t}
        .manner=${n}
      ></board-column>
      <p>
        These were checked in, ready or called back, and nothing has arrived about them for ${c}; or they were scheduled, and
        nothing has arrived for ${u}. Somebody may have forgotten to discharge or remove them. Nothing is guessed.
      </p>
    </div>
  </details>`}function H(e){let[t,...n]=new Set(e);return t===void 0||n.length>0?null:t}var xe=5e3,Se=100,Ce=`subscription Board($source: String, $endedWithinHours: Int!, $first: Int!) {
  board(source: $source, endedWithinHours: $endedWithinHours) {
    asOf
    board {
      columns { status count appointments(first: $first) { ...Card } }
      stale { count appointments(first: $first) { ...Card } }
    }
    changes { from to appointment { ...Card } }
  }
}
fragment Card on Appointment { source appointmentId status statusSince lastEvent }`;function we(e,t){let n=()=>{},r,i=o=>{n=a(Ce,{...e,first:o},{next({board:{asOf:e,board:n,changes:r}}){n&&t.whole(Te(n),e),r.length>0&&t.changed(r.map(Ee),e)},failed(e){if(e.code===`COMPLEXITY_LIMIT_EXCEEDED`&&o>Se)return i(Math.floor(o/2));e.passes&&(r=setTimeout(()=>i(o),u(0))),t.failed(e)}})};return i(xe),()=>{clearTimeout(r),n()}}function Te(e){let t=({count:e,appointments:t})=>({count:e,cards:t.map(U)}),n=e.columns.map(e=>[e.status,t(e)]);return{lists:new Map([...n,[`STALE`,t(e.stale)]])}}function Ee({from:e,to:t,appointment:n}){return{card:U(n),from:e,to:t}}function U(e){return{key:`${e.source}/${e.appointmentId}`,source:e.source,appointmentId:e.appointmentId,status:e.status,since:Date.parse(e.statusSince),event:e.lastEvent}}var De=6e3,Oe=500,ke=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;constructor(e){this.board=new I,this.clock=new o,this.fresh=new Map,this.begun=!1,this.paused=!1,this.error=null,this.caughtUp=null,this.#t=null,this.#n=new Map,this.#r=new Set,this.#i=0,this.#a=()=>{},this.#o=null,this.#s=new Map,this.#c=!1,this.#e=e}get waiting(){return this.paused?this.#r.size:0}follow(e){this.stop(),this.begun=!1,this.error=null,this.caughtUp=null,this.#l(e)}#l(e){this.#o=e,this.#a=we(e,{whole:(e,t)=>{this.error=null,this.clock.begin(t),this.#t=e,this.#n.clear(),this.#r.clear();for(let t of this.board.differences(e))this.#r.add(t);this.#u()},changed:(e,t)=>{this.clock.hear(t);for(let t of e)this.#n.set(t.card.key,L(this.#n.get(t.card.key),t)),this.#r.add(t.card.key);this.#u()},failed:e=>{this.error=e,this.#e(new Set(F))}})}stop(){this.#a(),this.#a=()=>{},this.#o=null,this.#c=!1,cancelAnimationFrame(this.#i),this.#i=0,this.#m(),this.fresh.clear()}pause(){this.paused=!0}resume(){this.paused=!1,this.#d()}take(){this.#d()}#u(){this.#i===0&&(this.#i=requestAnimationFrame(()=>{this.#i=0,this.paused&&this.begun?this.#e(new Set):this.#d()}))}#d(){let e=new Set,t=this.begun?[...this.#r]:[];if(this.#t){this.board.replace(this.#t),e=new Set(F),this.begun&&!this.#c&&(this.caughtUp=t.length);for(let e of F)this.#s.set(e,this.board.list(e).cards.length);this.#c=!1,this.begun=!0}for(let t of this.board.apply(this.#n.values()))e.add(t);this.#m(),this.#p(t),this.#e(e),this.#o&&!this.#c&&this.#f()&&(this.#c=!0,this.#a(),this.#l(this.#o))}#f(){return F.some(e=>{let{cards:t,count:n}=this.board.list(e);return n>t.length&&t.length<(this.#s.get(e)??0)/2})}#p(e){let t=performance.now();for(let[e,n]of this.fresh)n<t&&this.fresh.delete(e);if(!(e.length>Oe))for(let n of e)this.fresh.set(n,t+De)}#m(){this.#t=null,this.#n.clear(),this.#r.clear()}};function Ae(e){let{filters:t,open:n}=e;return r`<div class="toolbar">
    <h1>Board</h1>
    <form class="search" role="search" @submit=${t=>(t.preventDefault(),e.toFound())}>
      <label class="unseen" for="search">Search by appointment number</label>
      ${y(`search`)}<input
        id="search"
        type="search"
        inputmode="numeric"
        autocomplete="off"
        placeholder="Find number"
        .value=${t.search}
        @input=${e=>M({search:e.target.value})}
      />
    </form>
    <button type="button" class="narrow-only" aria-expanded=${n} aria-controls="filters" @click=${e.toggleOpen}>
      Filters
    </button>
    <div id="filters" class="filters" data-open=${n}>${je(e)}</div>
    <div class="pausing">${Me(e)}</div>
  </div>`}function je({filters:e,sources:t}){let n=e.source!==null&&!t.includes(e.source)?[e.source,...t]:t,i=k.includes(e.endedWithinHours)?k:[...k,e.endedWithinHours].sort((e,t)=>e-t);return r`${n.length>1?r`<label class="choice"
          ><span>Source</span>
          <select @change=${e=>M({source:W(e)||null})}>
            <option value="" ?selected=${e.source===null}>All</option>
            ${n.map(t=>r`<option ?selected=${e.source===t}>${t}</option>`)}
          </select></label
        >`:h}
    <details class="menu" @keydown=${Le} @focusout=${Re}>
      <summary>
        Columns${e.statuses.length<f.length?`: ${e.statuses.length} of ${f.length}`:``}
      </summary>
      <fieldset>
        <legend>Show these columns</legend>
        ${f.map(t=>r`<label
              ><input
                type="checkbox"
                .checked=${e.statuses.includes(t)}
                @change=${n=>Ne(e,t,n.target)}
              />
              ${d(t)}</label
            >`)}
      </fieldset>
    </details>
    <label class="check"
      ><input
        type="checkbox"
        .checked=${e.onlyLong}
        @change=${e=>M({onlyLong:e.target.checked})}
      />
      Only long waits</label
    >
    <label class="choice"
      ><span>Ended within</span>
      <select @change=${e=>M({endedWithinHours:Number(W(e))})}>
        ${i.map(t=>r`<option value=${t} ?selected=${e.endedWithinHours===t}>${Ie(t)}</option>`)}
      </select></label
    >
    <a class="wall-link" href=${Pe()} title="The same board in large letters, with nothing to click">Wall display</a>
    <a href=${Fe(e)} download title="The board as a file for a spreadsheet">CSV</a>`}function Me({paused:e,waiting:t,pause:n,resume:i,take:a}){return r`<span class="paused" role="status">${e?`Paused`:``}</span>
    ${e&&t>0?r`<button type="button" class="primary" @click=${e=>{a(),e.currentTarget.parentElement?.querySelector(`.toggle`)?.focus()}}>${t.toLocaleString(`en-US`)} new</button>`:h}
    <button type="button" class="toggle" @click=${e?i:n}>
      ${y(e?`play`:`pause`)} ${e?`Resume`:`Pause`}
    </button>`}function Ne(e,t,n){let r=f.filter(r=>r===t?n.checked:e.statuses.includes(r));r.length===0?n.checked=!0:M({statuses:r})}function Pe(){let e=new URL(location.href);return e.searchParams.set(`tv`,`1`),e.searchParams.delete(`q`),e.pathname+e.search}function Fe({source:e,endedWithinHours:t}){return`/board.csv?${new URLSearchParams({...e!==null&&{source:e},endedWithinHours:String(t)})}`}function Ie(e){return e>=48&&e%24==0?`${e/24} days`:e===1?`1 hour`:`${e} hours`}function W(e){return e.target.value}function Le(e){let t=e.currentTarget;e.key===`Escape`&&t.open&&(t.open=!1,t.querySelector(`summary`)?.focus())}function Re(e){let t=e.currentTarget;e.relatedTarget&&!t.contains(e.relatedTarget)&&(t.open=!1)}var ze=3;function Be(e,t,n,i,a){let o=e.length>ze?`${e.length} sources`:e.join(`, `);return r`<header class="wall-head">
    <h1>${o||`Board`}</h1>
    ${i>0?r`<p>${i.toLocaleString(`en-US`)} not heard of for long</p>`:h}
    ${a?r`<p>${a}</p>`:h}
    <clockfold-connection></clockfold-connection>
    <time datetime=${new Date(t).toISOString()}>${G(t,n)}</time>
  </header>`}function G(e,t){return Ve(t).format(e)}var K=new Map;function Ve(e){let t=K.get(e);return t||(t=new Intl.DateTimeFormat(`en-US`,{hour:`numeric`,minute:`2-digit`,...e&&{timeZone:e}}),K.set(e,t)),t}var q=12e3,He=10.25,Ue=1.25;function We(e){let t=Number.parseFloat(getComputedStyle(document.documentElement).fontSize),n=Math.max(1,Math.floor((innerWidth/t-Ue)/He)),r=Math.ceil(e.length/n),i=Math.ceil(e.length/r),a=Math.floor(performance.now()/q)%r*i;return{from:a,shown:e.slice(a,a+i),turns:r}}var Ge=4,Ke=class extends n{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},manner:{attribute:!1},pageMs:{attribute:!1}}}#e=1e3;#t={number:`beside-time`,cardPx:64};#n=new ResizeObserver(()=>this.#r());disconnectedCallback(){super.disconnectedCallback(),this.#n.disconnect()}firstUpdated(){let e=this.querySelector(`.cards`);e&&this.#n.observe(e)}updated(){this.#r()}render(){let{cards:e,count:t,name:n,place:i,manner:a}=this,o=`column-${i}`,s=Math.min(Ge,Math.ceil(e.length/this.#e)),c=(s>1?Math.floor(performance.now()/this.pageMs)%s:0)*this.#e,l=e.slice(c,c+this.#e);return r`<section class="column" data-place=${i} aria-labelledby=${o}>
      <h2 id=${o}>${n} <span class="count">${t.toLocaleString(`en-US`)}</span></h2>
      <ul class="cards" role="list" aria-labelledby=${o}>
        ${l.map(e=>r`<li class="slot">${T(e,i,!1,a,this.#t)}</li>`)}
      </ul>
      ${s>1?r`<p class="turn">${c+1}–${c+l.length} of ${t.toLocaleString(`en-US`)}</p>`:h}
    </section>`}#r(){let e=this.querySelector(`.cards`);if(!e)return;let t=w(C(this.cards),e.clientWidth,this.manner),n=Math.max(1,Math.floor(e.clientHeight/t.cardPx));(n!==this.#e||t.number!==this.#t.number)&&(this.#e=n,this.#t=t,this.requestUpdate())}};customElements.define(`wall-column`,Ke);var J=1e3,qe=2e3,Je=15e3,Y=6e4,X=class extends n{static{this.properties={route:{attribute:!1}}}#e=new ke(e=>this.#v(e));#t=new ye;#n=new Map;#r=null;#i;#a=null;#o=!1;#s=`CHECKED_IN`;#c=null;#l=0;constructor(){super(),new s(this,m,i)}connectedCallback(){super.connectedCallback(),this.#i=setInterval(()=>{this.#a=null,this.requestUpdate()},J)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#i),this.#e.stop(),this.#r=null}willUpdate(){let{source:e,endedWithinHours:t}=j(this.route.url),n=JSON.stringify([e,t]);n!==this.#r&&(this.#r=n,this.#a=null,this.#e.follow({source:e,endedWithinHours:t})),i.value.is===`live`||i.value.is===`idle`?this.#c=null:this.#e.begun&&(this.#c??={at:performance.now(),since:this.#e.clock.now()})}render(){let e=j(this.route.url),t=this.#a??=this.#_(e),n=new Map(e.statuses.map(n=>[n,this.#g(n,e,t)]));return e.wall?this.#m(e,n,t):this.#u(e,n,t)}#u(e,t,n){let{board:i,error:a}=this.#e,o=i.list(`STALE`),s=this.#g(`STALE`,e,n);return r`${Ae(this.#d(e))}
      <div role="status">${this.#h()}</div>
      ${a&&!a.passes?Ye(a):r`${s.length>0&&e.search?h:this.#f(e,t)} ${this.#p(e,t,n)}
          ${be(s,o.count,n,Z(),e.search!==``)}`}`}#d(e){let{paused:t,waiting:n}=this.#e;return{filters:e,sources:Q(),paused:t,waiting:n,open:this.#o,toggleOpen:()=>this.#y(()=>this.#o=!this.#o),pause:()=>this.#y(()=>this.#e.pause()),resume:()=>this.#e.resume(),take:()=>this.#e.take(),toFound:()=>this.#x()}}#f(e,t){let{board:n,begun:r}=this.#e;return!r||[...t.values()].some(e=>e.length>0)?h:de(e)?me(e.search,e.source?[e.source]:Q()):n.size===0?pe(Q(),e.endedWithinHours):h}#p({statuses:e,...t},n,i){let{board:a,begun:o}=this.#e,s=e.includes(this.#s)?this.#s:e[0],c=N({statuses:e,...t});return r`${ve(e,a,s,e=>this.#y(()=>this.#s=e))}
      <p id="board-keys" class="unseen">Up and down arrows go from card to card, left and right arrows to the next column.</p>
      <div class="columns" aria-busy=${!o} @sideways=${this.#S}>
        ${e.map(e=>{let t=a.list(e);return r`<board-column
            class=${e===s?`chosen`:``}
            .place=${e}
            .name=${d(e)}
            .cards=${n.get(e)}
            .count=${t.count}
            .untold=${t.count-t.cards.length}
            .filtered=${c}
            .manner=${i}
          ></board-column>`})}
      </div>`}#m({statuses:e,source:t},n,i){let{board:a,clock:o,begun:s}=this.#e,{from:c,shown:l,turns:u}=We(e),f=l.length===1?`Column ${c+1}`:`Columns ${c+1}–${c+l.length}`,p=u>1?`${f} of ${e.length}`:null;return r`${Be(t?[t]:Q(),o.now(),$(t),a.list(`STALE`).count,p)} ${this.#h()}
      ${s&&a.size===0?r`<p class="strip">No appointment is on the board.</p>`:h}
      <div class="columns" data-few=${e.length<=4}>
        ${l.map(e=>r`<wall-column
              .place=${e}
              .name=${d(e)}
              .cards=${n.get(e)}
              .count=${a.list(e).count}
              .manner=${i}
              .pageMs=${q*u}
            ></wall-column>`)}
      </div>`}#h(){let{clock:e,caughtUp:t,error:n}=this.#e;if(n?.passes)return ge(n.message);if(this.#c){let{at:t,since:n}=this.#c;return performance.now()-t>=qe?he(n,e.now(),G(n,$(null))):h}return t!==null&&performance.now()<this.#l?_e(t):h}#g(e,t,n){return this.#t.of(e,this.#e.board.list(e),this.#n.get(e)??0,t,n)}#_({source:e,wall:t}){let{clock:n,fresh:r}=this.#e;return{now:n.now(),thresholds:Xe(),showSource:e===null&&Z().length>1,links:!t,isFresh:e=>(r.get(e)??0)>performance.now()}}#v(e){for(let t of e)this.#n.set(t,(this.#n.get(t)??0)+1);this.#e.caughtUp!==null&&(this.#l=performance.now()+Je),e.size===F.length&&(this.#a=null),this.requestUpdate()}#y(e){e(),this.requestUpdate()}#b(){return[...this.querySelectorAll(`.columns > board-column`)]}#x(){this.#b().some(e=>e.cards.length>0&&e.focusCard(0))}#S=e=>{let t=this.#b();for(let n=t.indexOf(e.target)+e.detail;t[n];n+=e.detail)if(t[n]?.focusCard())return}};function Ye(e){return r`<section class="notice" role="alert">
    <h2>The board can't be shown</h2>
    <p>${e.message}</p>
    <p><a href="/">Show the whole board</a></p>
  </section>`}function Z(){return m.value===null||m.value instanceof e?[]:m.value.sources}function Q(){return Z().map(({name:e})=>e)}function Xe(){return new Map(Z().map(({name:e,longWaitMinutes:t,veryLongWaitMinutes:n})=>[e,{long:t*Y,very:n*Y}]))}function $(e){let t=new Set(Z().filter(({name:t})=>e===null||t===e).map(({timeZone:e})=>e));return t.size===1?[...t][0]??null:null}customElements.define(`clockfold-board`,X);export{X as BoardPage};