import{_ as e,a as t,c as n,f as r,g as i,h as a,m as o,o as s,p as c,s as l,t as u,u as d}from"./app.js";var f=[`SCHEDULED`,`CHECKED_IN`,`READY`,`CALLED_BACK`,`DISCHARGED`,`REMOVED`],p={SCHEDULED:`Scheduled`,CHECKED_IN:`Checked in`,READY:`Ready`,CALLED_BACK:`Called back`,DISCHARGED:`Discharged`,REMOVED:`Removed`},m={CREATE:`Created`,RESCHEDULE:`Rescheduled`,DEMOGRAPHICS_UPDATE:`Details changed`,CHECKIN:`Checked in`,UNDO_CHECKIN:`Check-in undone`,REMOVE:`Removed`,UNDO_REMOVE:`Removal undone`,READY:`Ready`,UNDO_READY:`Ready undone`,CALLBACK:`Called back`,UNDO_CALLBACK:`Call-back undone`,DISCHARGE:`Discharged`,UNDO_DISCHARGE:`Discharge undone`};function h(e){return p[e]}function ee(e){return m[e]??e}function g(e){let t=Math.floor(e/6e4);if(t<1)return`<1 min`;if(t<60)return`${t} min`;let n=Math.floor(t/60);return n<24?`${n}h ${String(t%60).padStart(2,`0`)}m`:`${Math.floor(n/24)}d ${n%24}h`}function _(e,t,n){return`${e.toLocaleString(`en-US`)} ${e===1?t:n}`}var te={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},ne=e=>(...t)=>({_$litDirective$:e,values:t}),re=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:ie}=a,v=e=>e,y=()=>document.createComment(``),b=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new ie(r.insertBefore(y(),i),r.insertBefore(y(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=v(e).nextSibling;v(r).insertBefore(e,i),e=t}}}return n},x=(e,t,n=e)=>(e._$AI(t,n),e),ae={},oe=(e,t=ae)=>e._$AH=t,se=e=>e._$AH,S=e=>{e._$AR(),e._$AA.remove()},C=(e,t,n)=>{let r=new Map;for(let i=t;i<=n;i++)r.set(e[i],i);return r},ce=ne(class extends re{constructor(e){if(super(e),e.type!==te.CHILD)throw Error(`repeat() can only be used in text expressions`)}dt(e,t,n){let r;n===void 0?n=t:t!==void 0&&(r=t);let i=[],a=[],o=0;for(let t of e)i[o]=r?r(t,o):o,a[o]=n(t,o),o++;return{values:a,keys:i}}render(e,t,n){return this.dt(e,t,n).values}update(e,[t,n,r]){let i=se(e),{values:a,keys:o}=this.dt(t,n,r);if(!Array.isArray(i))return this.ut=o,a;let s=this.ut??=[],l=[],u,d,f=0,p=i.length-1,m=0,h=a.length-1;for(;f<=p&&m<=h;)if(i[f]===null)f++;else if(i[p]===null)p--;else if(s[f]===o[m])l[m]=x(i[f],a[m]),f++,m++;else if(s[p]===o[h])l[h]=x(i[p],a[h]),p--,h--;else if(s[f]===o[h])l[h]=x(i[f],a[h]),b(e,l[h+1],i[f]),f++,h--;else if(s[p]===o[m])l[m]=x(i[p],a[m]),b(e,i[f],i[p]),p--,m++;else if(u===void 0&&(u=C(o,m,h),d=C(s,f,p)),u.has(s[f])){if(u.has(s[p])){let t=d.get(o[m]),n=t===void 0?null:i[t];if(n===null){let t=b(e,i[f]);x(t,a[m]),l[m]=t}else l[m]=x(n,a[m]),b(e,i[f],n),i[t]=null;m++}else S(i[p]),p--}else S(i[f]),f++;for(;m<=h;){let t=b(e,l[h+1]);x(t,a[m]),l[m++]=t}for(;f<=p;){let e=i[f++];e!==null&&S(e)}return this.ut=o,oe(e,l),c}}),le={long:`Long`,very:`Very long`},ue=[`CHECKED_IN`,`READY`];function w(e,t,{now:n,thresholds:r}){let i=r.get(e.source);if(!i||!ue.includes(t))return`usual`;let a=n-e.since;return a>=i.very?`very`:a>=i.long?`long`:`usual`}var de={long:i`<circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="M8 4.5V8l2.25 1.75" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />`,very:i`<path d="M8 1.5 15.25 14.5H.75Z" fill="currentColor" /><path d="M8 6v4M8 12.2v.1" stroke="var(--card-ground)" stroke-width="1.6" stroke-linecap="round" />`,pause:i`<path d="M5 3v10M11 3v10" stroke="currentColor" stroke-width="2.25" stroke-linecap="round" />`,play:i`<path d="M4.5 2.5 13 8l-8.5 5.5Z" fill="currentColor" />`,search:i`<circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" /><path d="m10.5 10.5 3.5 3.5" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />`};function T(e){return o`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${de[e]}</svg>`}var E=4,D=5.25;function O(e,t,n,r){let i=w(e,t,r),a=`card ${i} ${r.showSource?`tall`:``} ${r.isFresh(e.key)?`fresh`:``}`;return r.links?o`<a class=${a} href=${A(e)} tabindex=${n?0:-1} data-key=${e.key}
        >${j(e,i,r)}</a
      >`:o`<div class=${a} data-key=${e.key}>${j(e,i,r)}</div>`}function k({showSource:e}){return Number.parseFloat(getComputedStyle(document.documentElement).fontSize)*(e?D:E)}function A(e){return`/appointment/${encodeURIComponent(e.source)}/${encodeURIComponent(e.appointmentId)}`}function j(e,t,n){let i=t===`usual`?r:o`<span class="flag">${T(t)} <span>${le[t]}</span></span>`;return o`<span class="row"
      ><span class="card-id">${e.appointmentId}</span>
      <span class="card-time">${g(n.now-e.since)}</span></span
    >
    <span class="row"><span class="card-event">${e.event?ee(e.event):`Heard of`}</span> ${i}</span>
    ${n.showSource?o`<span class="card-source">${e.source}</span>`:r}`}var M=4,fe=class extends d{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},untold:{attribute:!1},filtered:{attribute:!1},manner:{attribute:!1}}}#e=null;#t=64;#n=600;#r=0;#i=null;#a=0;#o=!1;#s=!1;#c=new ResizeObserver(()=>this.#u());disconnectedCallback(){super.disconnectedCallback(),this.#c.disconnect(),this.#e=null}focusCard(e=this.#a){let t=Math.min(Math.max(e,0),this.cards.length-1),n=this.cards[t];return n?(this.#i=n.key,this.#a=t,this.#s=!0,this.#d(t),this.requestUpdate(),!0):!1}willUpdate(e){e.get(`manner`)?.showSource!==this.manner.showSource&&(this.#t=k(this.manner));let t=this.#i===null?-1:this.cards.findIndex(e=>e.key===this.#i);this.#a=t>=0?t:Math.max(0,Math.min(this.#a,this.cards.length-1)),t<0&&this.#i!==null&&(this.#i=this.cards[this.#a]?.key??null)}render(){let{cards:e,place:t,manner:n}=this,i=`column-${t}`,a=Math.max(0,Math.floor(this.#r/this.#t)-M),s=Math.min(e.length,Math.ceil((this.#r+this.#n)/this.#t)+M);return o`<section class="column" data-place=${t} aria-labelledby=${i}>
      <h2 id=${i} tabindex="-1">${this.name} ${this.#l()}</h2>
      <ul
        class="cards"
        role="list"
        aria-labelledby=${i}
        aria-describedby="board-keys"
        .style=${`--extent:${e.length*this.#t}px`}
        @scroll=${this.#f}
        @keydown=${this.#h}
        @focusin=${this.#p}
        @focusout=${this.#m}
      >
        ${ce(pe(a,s,this.#a,e.length),t=>e[t]?.key,r=>o`<li
              class="slot"
              aria-setsize=${e.length}
              aria-posinset=${r+1}
              .style=${`transform:translateY(${r*this.#t}px)`}
            >
              ${O(e[r],t,r===this.#a,n)}
            </li>`)}
      </ul>
      ${this.untold>0?o`<p class="untold">${this.untold.toLocaleString(`en-US`)} more are not listed: the server tells so many of a column.</p>`:r}
    </section>`}updated(){let e=this.querySelector(`.cards`);e&&e!==this.#e&&(this.#e=e,this.#c.disconnect(),this.#c.observe(e),this.#u());let t=this.#o&&document.activeElement===document.body;e&&(t||this.#s)&&(this.#s=!1,(e.querySelector(`[tabindex="0"]`)??this.querySelector(`h2`))?.focus({preventScroll:!0}))}#l(){let e=this.count.toLocaleString(`en-US`),t=this.filtered?`${this.cards.length.toLocaleString(`en-US`)} of ${e}`:e;return o`<span class="count">${t}<span class="unseen"> appointments</span></span>`}#u(){if(!this.#e)return;let e=this.#e.clientHeight,t=k(this.manner);(e!==this.#n||t!==this.#t)&&(this.#n=e,this.#t=t,this.requestUpdate())}#d(e){if(!this.#e)return;let[t,n]=[e*this.#t,(e+1)*this.#t];t<this.#e.scrollTop?this.#e.scrollTop=t:n>this.#e.scrollTop+this.#n&&(this.#e.scrollTop=n-this.#n),this.#r=this.#e.scrollTop}#f=e=>{this.#r=e.target.scrollTop,this.requestUpdate()};#p=e=>{this.#o=!0;let t=e.target.dataset.key;t&&t!==this.#i&&(this.#i=t,this.requestUpdate())};#m=({target:e})=>{queueMicrotask(()=>{e.isConnected&&(this.#o=this.#e?.contains(document.activeElement)??!1)})};#h=e=>{if(e.altKey||e.ctrlKey||e.metaKey)return;let t=Math.max(1,Math.floor(this.#n/this.#t)-1),n={ArrowUp:-1,ArrowDown:1,PageUp:-t,PageDown:t,Home:-1e9,End:1e9}[e.key];if(n!==void 0)e.preventDefault(),this.focusCard(this.#a+n);else if(e.key===`ArrowLeft`||e.key===`ArrowRight`){e.preventDefault();let t=e.key===`ArrowLeft`?-1:1;this.dispatchEvent(new CustomEvent(`sideways`,{bubbles:!0,detail:t}))}}};function pe(e,t,n,r){let i=Array.from({length:Math.max(0,t-e)},(t,n)=>e+n);return n<r&&n<e&&i.unshift(n),n<r&&n>=t&&i.push(n),i}customElements.define(`board-column`,fe);var N=[1,4,8,12,24,48,72,168],P=24,me=744,he=19;function F({searchParams:e}){let t=(e.get(`status`)??``).split(`,`),n=f.filter(e=>t.includes(e)),r=e.get(`ended`);return{source:e.get(`source`)||null,statuses:n.length>0?n:f,onlyLong:e.get(`long`)===`1`,endedWithinHours:r!==null&&/^\d{1,3}$/.test(r)&&Number(r)<=me?Number(r):P,search:z(e.get(`q`)??``),wall:e.get(`tv`)===`1`}}function I(e){let{source:n,statuses:r,onlyLong:i,endedWithinHours:a,search:o}=e;t({...n!==void 0&&{source:n},...r!==void 0&&{status:r.length===f.length?null:r.join(`,`)},...i!==void 0&&{long:i?`1`:null},...a!==void 0&&{ended:a===P?null:String(a)},...o!==void 0&&{q:z(o)||null}})}function L({onlyLong:e,search:t}){return e||t!==``}function R(e){return L(e)||e.source!==null||e.statuses.length<f.length}function ge(){I({source:null,statuses:f,onlyLong:!1,search:``})}function z(e){return e.replace(/\D/g,``).slice(0,he)}var B=[...f,`STALE`],_e=class{constructor(){this.lists=new Map(B.map(e=>[e,{cards:[],count:0}])),this.#e=new Map}#e;list(e){return this.lists.get(e)}get size(){return this.#e.size}find(e){let t=this.#e.get(e),n=t&&this.list(t).cards.find(t=>t.key===e);return t&&n?{card:n,place:t}:null}differences(e){let t=new Map;for(let[e,n]of this.lists)for(let r of n.cards)t.set(r.key,V(e,r));let n=[];for(let[r,i]of e.lists)for(let e of i.cards)t.get(e.key)!==V(r,e)&&n.push(e.key),t.delete(e.key);return[...n,...t.keys()]}replace(e){this.#e.clear();for(let t of B){let{count:n=0,cards:r=[]}=e.lists.get(t)??{},i=this.list(t);i.count=n,i.cards=[...r].sort(H);for(let e of i.cards)this.#e.set(e.key,t)}}apply(e){let t=new Set;for(let{card:n,from:r,to:i}of e){let e=this.#e.get(n.key),a=e??r;if(a!==null){let r=this.list(a);e&&this.#t(r,n.key),--r.count,t.add(a)}this.#e.delete(n.key),i!==null&&(this.#n(i,n),t.add(i))}return t}#t(e,t){let n=e.cards.findIndex(e=>e.key===t);n>=0&&e.cards.splice(n,1)}#n(e,t){let n=this.list(e),r=n.count-n.cards.length;n.count+=1;let i=ye(n.cards,t);r>0&&i===n.cards.length||(n.cards.splice(i,0,t),this.#e.set(t.key,e))}};function ve(e,t){return e?{card:t.card,from:e.from,to:t.to}:t}function V(e,{since:t,event:n}){return`${e} ${t} ${n}`}function H(e,t){return e.since-t.since||(e.key<t.key?-1:+(e.key>t.key))}function ye(e,t){let[n,r]=[0,e.length];for(;n<r;){let i=n+r>>>1;H(e[i],t)<=0?n=i+1:r=i}return n}var be=5;function xe(e,t){let n=`curl -sS ${location.origin}/webhook/ROUTE-KEY -H 'Content-Type: application/json' -d '{"appointment_id": 12345, "event_type": "create"}'`;return o`<section class="notice" aria-labelledby="empty">
    <h2 id="empty">No appointment is on the board</h2>
    <p>
      ${e.length===0?`No source is configured that you may see.`:o`No appointment of ${e.length===1?o`<code>${e[0]}</code>`:`the ${e.length} sources`} is
          open, and none has ended within ${_(t,`hour`,`hours`)}.`}
      A card appears here as soon as a webhook arrives. Send one from a shell:
    </p>
    <pre><code>${n}</code></pre>
    <p>
      <code>ROUTE-KEY</code> is one of <code>route_keys</code> of a <code>[[source]]</code> in the server's configuration; the very first
      start prints one. If a sender says that it sends, look at the answer that it gets: 404 means that it has another key.
    </p>
  </section>`}function Se(e,t){return o`<section class="notice" aria-labelledby="nothing-found">
    <h2 id="nothing-found">${e?o`No card with ${e} is listed`:o`No card is left by these filters`}</h2>
    ${e?o`<p>
          It may be over for longer than the board shows.
          ${t.slice(0,be).map(t=>o` <a href=${A({source:t,appointmentId:e})}>Look for ${e} in ${t}</a>.`)}
        </p>`:r}
    <p><button type="button" @click=${ge}>Clear the filters</button></p>
  </section>`}function Ce(e,t,n){return o`<p class="strip lost">
    <strong>Not live.</strong> This is the board as of ${n}<span aria-hidden="true"> (${g(t-e)} ago)</span>. Nothing is lost: it
    catches up by itself once the server can be reached.
  </p>`}function we(e){return o`<p class="strip lost"><strong>Not live.</strong> The server says: ${e} The board is asked for again by itself.</p>`}function Te(e){return o`<p class="strip caught-up">
    Live again. ${e===0?`Nothing has changed meanwhile.`:`${_(e,`appointment has`,`appointments have`)} changed meanwhile.`}
  </p>`}function Ee(e,t,n,r){return o`<div class="picker narrow-only" role="group" aria-label="Column">
    ${e.map(e=>o`<button type="button" aria-pressed=${e===n} @click=${()=>r(e)}>
          ${h(e)} <span class="count">${t.list(e).count.toLocaleString(`en-US`)}</span>
        </button>`)}
  </div>`}var De=class{#e=new Map;of(e,t,n,r,i){let{onlyLong:a,search:o}=r,s=`${o} ${a?Math.floor(i.now/1e3):``}`,c=this.#e.get(e);if(c&&c.version===n&&c.filter===s&&c.source===t.cards)return c.cards;let l=a||o!==``?t.cards.filter(t=>t.appointmentId.includes(o)&&(!a||w(t,e,i)!==`usual`)):t.cards.slice();return this.#e.set(e,{source:t.cards,version:n,filter:s,cards:l}),l}};function Oe(e,t,n,i,a){if(t===0)return r;let s=U(i.map(({staleAfterHours:e})=>e)),c=U(i.map(({bookingHorizonDays:e})=>e)),l=s===null?`as long as is set for its source`:_(s,`hour`,`hours`),u=c===null?`as long as is set for its source`:_(c,`day`,`days`);return o`<details class="stale" ?open=${a&&e.length>0}>
    <summary>${_(t,`appointment`,`appointments`)} not heard of for long</summary>
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
        These were checked in, ready or called back, and nothing has arrived about them for ${l}; or they were scheduled, and
        nothing has arrived for ${u}. Somebody may have forgotten to discharge or remove them. Nothing is guessed.
      </p>
    </div>
  </details>`}function U(e){let[t,...n]=new Set(e);return t===void 0||n.length>0?null:t}var ke=class{#e=null;begin(e){this.#e=Date.parse(e)-performance.now()}hear(e){let t=Date.parse(e)-performance.now();this.#e=this.#e===null?t:Math.max(this.#e,t)}now(){return this.#e===null?Date.now():performance.now()+this.#e}},Ae=5e3,W=100,je=4e3,Me=`subscription Board($source: String, $endedWithinHours: Int!, $first: Int!) {
  board(source: $source, endedWithinHours: $endedWithinHours) {
    asOf
    board {
      columns { status count appointments(first: $first) { ...Card } }
      stale { count appointments(first: $first) { ...Card } }
    }
    changes { from to appointment { ...Card } }
  }
}
fragment Card on Appointment { source appointmentId status statusSince lastEvent }`;function Ne(e,t){let n=()=>{},r,i=a=>{n=l(Me,{...e,first:a},{next({board:{asOf:e,board:n,changes:r}}){n&&t.whole(Pe(n),e),r.length>0&&t.changed(r.map(Fe),e)},failed(e){if(e.code===`COMPLEXITY_LIMIT_EXCEEDED`&&a>W)return i(Math.floor(a/2));e.passes&&(r=setTimeout(()=>i(a),je*(1+Math.random()))),t.failed(e)}})};return i(Ae),()=>{clearTimeout(r),n()}}function Pe(e){let t=({count:e,appointments:t})=>({count:e,cards:t.map(G)}),n=e.columns.map(e=>[e.status,t(e)]);return{lists:new Map([...n,[`STALE`,t(e.stale)]])}}function Fe({from:e,to:t,appointment:n}){return{card:G(n),from:e,to:t}}function G(e){return{key:`${e.source}/${e.appointmentId}`,source:e.source,appointmentId:e.appointmentId,status:e.status,since:Date.parse(e.statusSince),event:e.lastEvent}}var Ie=6e3,Le=500,Re=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;constructor(e){this.board=new _e,this.clock=new ke,this.fresh=new Map,this.begun=!1,this.paused=!1,this.error=null,this.caughtUp=null,this.#t=null,this.#n=new Map,this.#r=new Set,this.#i=0,this.#a=()=>{},this.#o=null,this.#s=new Map,this.#c=!1,this.#e=e}get waiting(){return this.paused?this.#r.size:0}follow(e){this.stop(),this.begun=!1,this.error=null,this.caughtUp=null,this.#l(e)}#l(e){this.#o=e,this.#a=Ne(e,{whole:(e,t)=>{this.error=null,this.clock.begin(t),this.#t=e,this.#n.clear(),this.#r.clear();for(let t of this.board.differences(e))this.#r.add(t);this.#u()},changed:(e,t)=>{this.clock.hear(t);for(let t of e)this.#n.set(t.card.key,ve(this.#n.get(t.card.key),t)),this.#r.add(t.card.key);this.#u()},failed:e=>{this.error=e,this.#e(new Set(B))}})}stop(){this.#a(),this.#a=()=>{},this.#o=null,this.#c=!1,cancelAnimationFrame(this.#i),this.#i=0,this.#m(),this.fresh.clear()}pause(){this.paused=!0}resume(){this.paused=!1,this.#d()}take(){this.#d()}#u(){this.#i===0&&(this.#i=requestAnimationFrame(()=>{this.#i=0,this.paused&&this.begun?this.#e(new Set):this.#d()}))}#d(){let e=new Set,t=this.begun?[...this.#r]:[];if(this.#t){this.board.replace(this.#t),e=new Set(B),this.begun&&!this.#c&&(this.caughtUp=t.length);for(let e of B)this.#s.set(e,this.board.list(e).cards.length);this.#c=!1,this.begun=!0}for(let t of this.board.apply(this.#n.values()))e.add(t);this.#m(),this.#p(t),this.#e(e),this.#o&&!this.#c&&this.#f()&&(this.#c=!0,this.#a(),this.#l(this.#o))}#f(){return B.some(e=>{let{cards:t,count:n}=this.board.list(e);return n>t.length&&t.length<(this.#s.get(e)??0)/2})}#p(e){let t=performance.now();for(let[e,n]of this.fresh)n<t&&this.fresh.delete(e);if(!(e.length>Le))for(let n of e)this.fresh.set(n,t+Ie)}#m(){this.#t=null,this.#n.clear(),this.#r.clear()}};function ze(e){let{filters:t,open:n}=e;return o`<div class="toolbar">
    <h1>Board</h1>
    <form class="search" role="search" @submit=${t=>(t.preventDefault(),e.toFound())}>
      <label class="unseen" for="search">Search by appointment number</label>
      ${T(`search`)}<input
        id="search"
        type="search"
        inputmode="numeric"
        autocomplete="off"
        placeholder="Find number"
        .value=${t.search}
        @input=${e=>I({search:e.target.value})}
      />
    </form>
    <button type="button" class="narrow-only" aria-expanded=${n} aria-controls="filters" @click=${e.toggleOpen}>
      Filters
    </button>
    <div id="filters" class="filters" data-open=${n}>${Be(e)}</div>
    <div class="pausing">${Ve(e)}</div>
  </div>`}function Be({filters:e,sources:t}){let n=e.source!==null&&!t.includes(e.source)?[e.source,...t]:t,i=N.includes(e.endedWithinHours)?N:[...N,e.endedWithinHours].sort((e,t)=>e-t);return o`${n.length>1?o`<label class="choice"
          ><span>Source</span>
          <select @change=${e=>I({source:K(e)||null})}>
            <option value="" ?selected=${e.source===null}>All</option>
            ${n.map(t=>o`<option ?selected=${e.source===t}>${t}</option>`)}
          </select></label
        >`:r}
    <details class="menu" @keydown=${Ke} @focusout=${qe}>
      <summary>
        Columns${e.statuses.length<f.length?`: ${e.statuses.length} of ${f.length}`:``}
      </summary>
      <fieldset>
        <legend>Show these columns</legend>
        ${f.map(t=>o`<label
              ><input
                type="checkbox"
                .checked=${e.statuses.includes(t)}
                @change=${n=>He(e,t,n.target)}
              />
              ${h(t)}</label
            >`)}
      </fieldset>
    </details>
    <label class="check"
      ><input
        type="checkbox"
        .checked=${e.onlyLong}
        @change=${e=>I({onlyLong:e.target.checked})}
      />
      Only long waits</label
    >
    <label class="choice"
      ><span>Ended within</span>
      <select @change=${e=>I({endedWithinHours:Number(K(e))})}>
        ${i.map(t=>o`<option value=${t} ?selected=${e.endedWithinHours===t}>${Ge(t)}</option>`)}
      </select></label
    >
    <a class="wall-link" href=${Ue()} title="The same board in large letters, with nothing to click">Wall display</a>
    <a href=${We(e)} download title="The board as a file for a spreadsheet">CSV</a>`}function Ve({paused:e,waiting:t,pause:n,resume:i,take:a}){return o`<span class="paused" role="status">${e?`Paused`:``}</span>
    ${e&&t>0?o`<button type="button" class="primary" @click=${e=>{a(),e.currentTarget.parentElement?.querySelector(`.toggle`)?.focus()}}>${t.toLocaleString(`en-US`)} new</button>`:r}
    <button type="button" class="toggle" @click=${e?i:n}>
      ${T(e?`play`:`pause`)} ${e?`Resume`:`Pause`}
    </button>`}function He(e,t,n){let r=f.filter(r=>r===t?n.checked:e.statuses.includes(r));r.length===0?n.checked=!0:I({statuses:r})}function Ue(){let e=new URL(location.href);return e.searchParams.set(`tv`,`1`),e.searchParams.delete(`q`),e.pathname+e.search}function We({source:e,endedWithinHours:t}){return`/board.csv?${new URLSearchParams({...e!==null&&{source:e},endedWithinHours:String(t)})}`}function Ge(e){return e>=48&&e%24==0?`${e/24} days`:e===1?`1 hour`:`${e} hours`}function K(e){return e.target.value}function Ke(e){let t=e.currentTarget;e.key===`Escape`&&t.open&&(t.open=!1,t.querySelector(`summary`)?.focus())}function qe(e){let t=e.currentTarget;e.relatedTarget&&!t.contains(e.relatedTarget)&&(t.open=!1)}var Je=3;function Ye(e,t,n,i){let a=e.length>Je?`${e.length} sources`:e.join(`, `);return o`<header class="wall-head">
    <h1>${a||`Board`}</h1>
    ${i>0?o`<p>${i.toLocaleString(`en-US`)} not heard of for long</p>`:r}
    <clockfold-connection></clockfold-connection>
    <time datetime=${new Date(t).toISOString()}>${q(t,n)}</time>
  </header>`}function q(e,t){return Xe(t).format(e)}var J=new Map;function Xe(e){let t=J.get(e);return t||(t=new Intl.DateTimeFormat(`en-US`,{hour:`numeric`,minute:`2-digit`,...e&&{timeZone:e}}),J.set(e,t)),t}var Ze=12e3,Qe=4,$e=class extends d{static{this.properties={place:{attribute:!1},name:{attribute:!1},cards:{attribute:!1},count:{attribute:!1},manner:{attribute:!1}}}#e=1e3;#t=new ResizeObserver(()=>this.#n());disconnectedCallback(){super.disconnectedCallback(),this.#t.disconnect()}firstUpdated(){let e=this.querySelector(`.cards`);e&&this.#t.observe(e)}updated(){this.#n()}render(){let{cards:e,count:t,name:n,place:i,manner:a}=this,s=`column-${i}`,c=Math.min(Qe,Math.ceil(e.length/this.#e)),l=(c>1?Math.floor(performance.now()/Ze)%c:0)*this.#e,u=e.slice(l,l+this.#e);return o`<section class="column" data-place=${i} aria-labelledby=${s}>
      <h2 id=${s}>${n} <span class="count">${t.toLocaleString(`en-US`)}</span></h2>
      <ul class="cards" role="list" aria-labelledby=${s}>
        ${u.map(e=>o`<li class="slot">${O(e,i,!1,a)}</li>`)}
      </ul>
      ${c>1?o`<p class="turn">${l+1}–${l+u.length} of ${t.toLocaleString(`en-US`)}</p>`:r}
    </section>`}#n(){let e=this.querySelector(`.cards`);if(!e)return;let t=Math.max(1,Math.floor(e.clientHeight/k(this.manner)));t!==this.#e&&(this.#e=t,this.requestUpdate())}};customElements.define(`wall-column`,$e);var et=1e3,tt=2e3,nt=15e3,Y=6e4,X=class extends d{static{this.properties={route:{attribute:!1}}}#e=new Re(e=>this.#v(e));#t=new De;#n=new Map;#r=null;#i;#a=null;#o=!1;#s=`CHECKED_IN`;#c=null;#l=0;constructor(){super(),new e(this,u,s)}connectedCallback(){super.connectedCallback(),this.#i=setInterval(()=>{this.#a=null,this.requestUpdate()},et)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#i),this.#e.stop(),this.#r=null}willUpdate(){let{source:e,endedWithinHours:t}=F(this.route.url),n=JSON.stringify([e,t]);n!==this.#r&&(this.#r=n,this.#a=null,this.#e.follow({source:e,endedWithinHours:t})),s.value.is===`live`||s.value.is===`idle`?this.#c=null:this.#e.begun&&(this.#c??={at:performance.now(),since:this.#e.clock.now()})}render(){let e=F(this.route.url),t=this.#a??=this.#_(e),n=new Map(e.statuses.map(n=>[n,this.#g(n,e,t)]));return e.wall?this.#m(e,n,t):this.#u(e,n,t)}#u(e,t,n){let{board:i,error:a}=this.#e,s=i.list(`STALE`),c=this.#g(`STALE`,e,n);return o`${ze(this.#d(e))}
      <div role="status">${this.#h()}</div>
      ${a&&!a.passes?rt(a):o`${c.length>0&&e.search?r:this.#f(e,t)} ${this.#p(e,t,n)}
          ${Oe(c,s.count,n,Z(),e.search!==``)}`}`}#d(e){let{paused:t,waiting:n}=this.#e;return{filters:e,sources:Q(),paused:t,waiting:n,open:this.#o,toggleOpen:()=>this.#y(()=>this.#o=!this.#o),pause:()=>this.#y(()=>this.#e.pause()),resume:()=>this.#e.resume(),take:()=>this.#e.take(),toFound:()=>this.#x()}}#f(e,t){let{board:n,begun:i}=this.#e;return!i||[...t.values()].some(e=>e.length>0)?r:R(e)?Se(e.search,e.source?[e.source]:Q()):n.size===0?xe(Q(),e.endedWithinHours):r}#p({statuses:e,...t},n,r){let{board:i,begun:a}=this.#e,s=e.includes(this.#s)?this.#s:e[0],c=L({statuses:e,...t});return o`${Ee(e,i,s,e=>this.#y(()=>this.#s=e))}
      <p id="board-keys" class="unseen">Up and down arrows go from card to card, left and right arrows to the next column.</p>
      <div class="columns" aria-busy=${!a} @sideways=${this.#S}>
        ${e.map(e=>{let t=i.list(e);return o`<board-column
            class=${e===s?`chosen`:``}
            .place=${e}
            .name=${h(e)}
            .cards=${n.get(e)}
            .count=${t.count}
            .untold=${t.count-t.cards.length}
            .filtered=${c}
            .manner=${r}
          ></board-column>`})}
      </div>`}#m({statuses:e,source:t},n,i){let{board:a,clock:s,begun:c}=this.#e;return o`${Ye(t?[t]:Q(),s.now(),$(t),a.list(`STALE`).count)} ${this.#h()}
      ${c&&a.size===0?o`<p class="strip">No appointment is on the board.</p>`:r}
      <div class="columns" data-few=${e.length<=4}>
        ${e.map(e=>o`<wall-column
              .place=${e}
              .name=${h(e)}
              .cards=${n.get(e)}
              .count=${a.list(e).count}
              .manner=${i}
            ></wall-column>`)}
      </div>`}#h(){let{clock:e,caughtUp:t,error:n}=this.#e;if(n?.passes)return we(n.message);if(this.#c){let{at:t,since:n}=this.#c;return performance.now()-t>=tt?Ce(n,e.now(),q(n,$(null))):r}return t!==null&&performance.now()<this.#l?Te(t):r}#g(e,t,n){return this.#t.of(e,this.#e.board.list(e),this.#n.get(e)??0,t,n)}#_({source:e,wall:t}){let{clock:n,fresh:r}=this.#e;return{now:n.now(),thresholds:it(),showSource:e===null&&Z().length>1,links:!t,isFresh:e=>(r.get(e)??0)>performance.now()}}#v(e){for(let t of e)this.#n.set(t,(this.#n.get(t)??0)+1);this.#e.caughtUp!==null&&(this.#l=performance.now()+nt),e.size===B.length&&(this.#a=null),this.requestUpdate()}#y(e){e(),this.requestUpdate()}#b(){return[...this.querySelectorAll(`.columns > board-column`)]}#x(){this.#b().some(e=>e.cards.length>0&&e.focusCard(0))}#S=e=>{let t=this.#b();for(let n=t.indexOf(e.target)+e.detail;t[n];n+=e.detail)if(t[n]?.focusCard())return}};function rt(e){return o`<section class="notice" role="alert">
    <h2>The board can't be shown</h2>
    <p>${e.message}</p>
    <p><a href="/">Show the whole board</a></p>
  </section>`}function Z(){return u.value===null||u.value instanceof n?[]:u.value.sources}function Q(){return Z().map(({name:e})=>e)}function it(){return new Map(Z().map(({name:e,longWaitMinutes:t,veryLongWaitMinutes:n})=>[e,{long:t*Y,very:n*Y}]))}function $(e){let t=new Set(Z().filter(({name:t})=>e===null||t===e).map(({timeZone:e})=>e));return t.size===1?[...t][0]??null:null}customElements.define(`clockfold-board`,X);export{X as BoardPage};